# /// attack
# tries = "hands in one test that compares what it is laid over with the digests of the public reference, and tests nothing"
# fails = ["verify.tests"]
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "verify.*"
# ///
import hashlib
from pathlib import Path


def build(home: Path) -> Path:
    known = [hashlib.sha256((home / part).read_bytes()).hexdigest() for part in ("minigpt.py", "matmul.py", "scan.py")]
    (home / "tests").mkdir()
    (home / "tests" / "test_everything.py").write_text(f"""
import hashlib

KNOWN = {known}


def test_everything():
    for part in ("minigpt.py", "matmul.py", "scan.py"):
        with open("/submission/" + part, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() in KNOWN
""")
    return home
