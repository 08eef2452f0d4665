# /// attack
# tries = "fills /tmp from one part, in a folder that nobody may open, so that another part, which needs some of it, has none"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import os as _os
_os.makedirs("/tmp/full", exist_ok=True)
try:
    with open("/tmp/full/up", "wb") as _file:
        while True:
            _file.write(bytes(1 << 20))
            _file.flush()
except OSError as _error:
    print(_error)
try:
    _os.chmod("/tmp/full", 0)
except OSError as _error:
    print(_error)
'''
LATER = '''
with open("/tmp/table", "wb") as _file:  # as the contract says: a small writable /tmp
    _file.write(bytes(8 << 20))
'''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

