# /// attack
# tries = "lowers what its parent hands down, as many open files and as much stack as it just needs itself, so that a later part lacks them"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import resource as _resource
for _name, _most in (("NOFILE", 32), ("STACK", 256 << 10), ("NPROC", 3)):
    try:
        _resource.prlimit(1, getattr(_resource, "RLIMIT_" + _name), (_most, _most))
        print("set", _name)
    except (OSError, ValueError) as _error:
        print(_error)
'''
LATER = '''
_files = [open("/dev/null") for _ in range(100)]  # far within the 1,024 that there are

def _deep(n):
    return n and 1 + max([_deep(n - 1)])

assert _deep(900) == 900
'''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

