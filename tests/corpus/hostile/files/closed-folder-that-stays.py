# /// attack
# tries = "leaves a folder that nobody may open in each scratch place, and looks for it from the next part, which shares nothing with this one"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import os as _os
for _place in ("/tmp", "/dev/shm"):
    _os.makedirs(_place + "/kept/inner", exist_ok=True)
    with open(_place + "/kept/inner/word", "w") as _file:
        _file.write("what minigpt.py knew")
    _os.chmod(_place + "/kept/inner", 0)
    _os.chmod(_place + "/kept", 0)
'''
LATER = '''
import os as _os
for _place in ("/tmp", "/dev/shm"):
    try:
        _os.chmod(_place + "/kept", 0o700)
        _os.chmod(_place + "/kept/inner", 0o700)
        print("WORKED:", _place, "still holds", repr(open(_place + "/kept/inner/word").read()))
    except OSError as _error:
        print(_error)
'''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

