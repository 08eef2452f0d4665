# /// attack
# tries = "writes an attribute and a time on /tmp itself, which is emptied and not made anew, and reads them from another part"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import os as _os
for _place in ("/tmp", "/dev/shm", "/submission"):
    try:
        _os.setxattr(_os.open(_place, _os.O_RDONLY), "user.word", b"what minigpt.py knew")
    except OSError as _error:
        print(_error)
try:
    _os.utime("/dev/shm", ns=(1234567890123456789, 1))
except PermissionError as _error:  # not everywhere the submission's own
    print(_error)
'''
LATER = '''
import os as _os
for _place in ("/tmp", "/dev/shm", "/submission"):
    try:
        print("WORKED:", _place, _os.getxattr(_os.open(_place, _os.O_RDONLY), "user.word"))
    except OSError as _error:
        print(_error)
if _os.stat("/dev/shm").st_atime_ns == 1234567890123456789:
    print("WORKED: a time on /dev/shm")
'''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

