# /// attack
# tries = "takes away every right to write to /tmp and /dev/shm themselves, from one part, for all that come after"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import os as _os
for _place in ("/tmp", "/dev/shm"):
    try:
        _os.chmod(_place, 0o555)
    except PermissionError as _error:  # not everywhere the submission's own
        print(_error)
'''
LATER = '''
with open("/tmp/table", "w") as _file:  # as the contract says: a small writable /tmp
    _file.write("8 x 8")
'''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

