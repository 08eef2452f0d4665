# /// attack
# tries = "leaves notes for the next process on what the worker's parent hands to each of its children: locks, times, mode, size and flags of its log pipe, and the place in /dev/null"
# into = "minigpt.py"
# only = "[gc]*.[lb]o[au]*"
# fails = []
# keeps = ["gpt.load", "cache.bounds"]
# ///
import fcntl as _fcntl
import os as _os
import struct as _struct

_GET, _SET, _WORD = 36, 37, 0x1234567890ABCD  # F_OFD_GETLK, F_OFD_SETLK


def _lock(kind, start, length):
    return _struct.pack("hhqqi4x", kind, 0, start, length, 0)


def _locks(fd):
    other = _os.open(f"/proc/self/fd/{fd}", _os.O_WRONLY)
    found = _struct.unpack("hhqqi4x", _fcntl.fcntl(other, _GET, _lock(_fcntl.F_WRLCK, 0, 0)))
    _os.close(other)
    return found[2] if found[0] != _fcntl.F_UNLCK else None


def _try(name, read, write, blank):
    try:
        found = read()
        if not blank(found):
            print("WORKED", name, found)
        write()
    except OSError as error:
        print(name, error)


_try("locks of 1", lambda: _locks(1), lambda: _fcntl.fcntl(1, _SET, _lock(_fcntl.F_WRLCK, _WORD, 1)), lambda x: x is None)
_try("locks of 0", lambda: _locks(0), lambda: _fcntl.fcntl(0, _SET, _lock(_fcntl.F_WRLCK, _WORD, 1)), lambda x: x is None)
_try("times of 1", lambda: _os.fstat(1).st_atime_ns, lambda: _os.utime(1, ns=(_WORD, _WORD)), lambda x: x != _WORD)
_try("mode of 1", lambda: _os.fstat(1).st_mode & 0o777, lambda: _os.fchmod(1, 0o751), lambda x: x != 0o751)
_try("size of 1", lambda: _fcntl.fcntl(1, 1032), lambda: _fcntl.fcntl(1, 1031, 8192), lambda x: x != 8192)
_try("flags of 1", lambda: _fcntl.fcntl(1, 3) & 0o2000, lambda: _fcntl.fcntl(1, 4, _os.O_WRONLY | _os.O_APPEND), lambda x: not x)
_try("place in 0", lambda: _os.lseek(0, 0, 1), lambda: _os.lseek(0, _WORD, 0), lambda x: not x)
_try("signal of 1", lambda: _fcntl.fcntl(1, 11), lambda: _fcntl.fcntl(1, 10, 34), lambda x: not x)
_try("flags of 0", lambda: _fcntl.fcntl(0, 3) & 0o2000, lambda: _fcntl.fcntl(0, 4, _os.O_RDWR | _os.O_APPEND), lambda x: not x)
print("fds", {f: _os.readlink(f"/proc/self/fd/{f}") for f in _os.listdir("/proc/self/fd") if _os.path.lexists(f"/proc/self/fd/{f}")}, _os.getpid())
