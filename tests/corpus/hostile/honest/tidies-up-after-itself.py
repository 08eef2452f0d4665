# /// attack
# slow = true
# tries = "nothing: closes its standard streams, moves to another folder, sets an alarm and a mask, lowers its own limits, starts a helper and a thread, keeps a table in a mapped file, and cleans all of it up at exit"
# into = "matmul.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "[ms][ac][ta]*"
# ///
import atexit as _atexit
import mmap as _mmap
import os as _os
import resource as _resource
import signal as _signal
import subprocess as _subprocess
import sys as _sys
import tempfile as _tempfile
import threading as _threading

_os.umask(0o777)
_place = _tempfile.mkdtemp()
_os.chmod(_place, 0o700)
_os.chdir(_place)
with open(_os.open("table", _os.O_RDWR | _os.O_CREAT), "r+b", buffering=0) as _file:
    _file.truncate(1 << 20)
    _table = _mmap.mmap(_file.fileno(), 1 << 20)
_resource.setrlimit(_resource.RLIMIT_NOFILE, (48, 48))
_signal.signal(_signal.SIGALRM, lambda *_: None)
_signal.setitimer(_signal.ITIMER_REAL, 0.05, 0.05)
_signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
_helper = _subprocess.Popen([_sys.executable, "-I", "-S", "-c", "input()"], stdin=_subprocess.PIPE, stdout=_subprocess.DEVNULL)
_threading.Thread(target=_helper.wait, daemon=True).start()
_sys.stdout.flush()
_sys.stdout = _sys.stderr = open(_os.devnull, "w")
for _fd in (0, 1, 2):
    _os.close(_fd)
_atexit.register(lambda: (_helper.kill(), _table.close(), _os.chdir("/"), _os.rmdir(_place)))
_sys.setswitchinterval(1e-4)
_sys.setrecursionlimit(5000)
