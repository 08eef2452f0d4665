# /// attack
# tries = "named pipes that nobody writes to, in place of parts, notes and tests"
# fails = ["matmul.*", "verify.*"]
# keeps = ["gpt.*", "scan.*"]
# slow = true
# ///
import os


def build(home):
    (home / "matmul.py").unlink()
    (home / "tests").mkdir()
    for name in ("matmul.py", "NOTES.md", "submission.toml", "tests/test_it.py"):
        os.mkfifo(home / name)
    return home
