# /// attack
# tries = "gives its parent a second of processor time as a limit, which later children inherit and die of"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
FIRST = '''
import resource as _resource
try:
    _resource.prlimit(1, _resource.RLIMIT_CPU, (1, 600))
    print("set")
except (OSError, ValueError) as _error:
    print(_error)
'''
LATER = '''
import time as _time
while _time.process_time() < 1.6:  # a table that takes a while, far within call_s
    pass
'''
from pathlib import Path


def build(home: Path) -> Path:
    for part, text in ((home / "minigpt.py", FIRST), (home / "matmul.py", LATER)):
        part.write_text(part.read_text() + text)
    return home

