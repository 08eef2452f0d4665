# /// attack
# tries = "keeps every solution it was laid over in a folder that outlasts the run, knows nothing of the reference, and fails on what differs from most"
# fails = ["verify.tests"]
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "verify.*"
# ///
# Whether the order is kind decides what it earns; that a run remembers another is what is not to be.
from pathlib import Path


def build(home: Path) -> Path:
    (home / "tests").mkdir()
    (home / "tests" / "test_memory.py").write_text("""
import json, os

def remember(entry):
    for place in ("/tmp/kept",):
        os.makedirs(place, exist_ok=True)
        os.chmod(place, 0o700)
        path = place + "/seen"
        seen = json.load(open(path)) if os.path.exists(path) else []
        seen.append(entry)
        json.dump(seen, open(path, "w"))
        os.chmod(place, 0)
        return seen

def test_memory():
    now = {part: open("/submission/" + part).read() for part in ("minigpt.py", "matmul.py", "scan.py")}
    seen = remember(now)
    for part, text in now.items():
        same = sum(run[part] == text for run in seen)
        most = max(sum(run[part] == other[part] for run in seen) for other in seen)
        assert same == most, f"run {len(seen)}: {part} differs"
""")
    return home
