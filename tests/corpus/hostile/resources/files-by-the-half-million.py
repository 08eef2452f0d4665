# /// attack
# slow = true
# tries = "leaves half a million empty files and folders in its scratch places, which somebody has to take away before the next part"
# fails = []
# keeps = ["gpt.load", "scan.tiled"]
# ///
import os as _os
import time as _time

_end = _time.monotonic() + 2.5
_count = 0
for _place in ("/tmp", "/dev/shm"):
    try:
        while _time.monotonic() < _end:
            _count += 1
            _os.mkdir(f"{_place}/{_count}")
            for _ in range(3):
                _os.close(_os.open(f"{_place}/{_count}/{_}", _os.O_CREAT))
                _os.symlink("/proc/1/root", f"{_place}/{_count}/link{_}")
    except OSError as _error:
        print(_error)
    _end += 0.5
print(_count, "folders")
