# /// attack
# tries = "sends the first half of a right reply and exits with status 0"
# verdicts = { "matmul.forward" = "runtime_error" }
# ///
import os
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
WIRE = type(LINE).send.__globals__["wire"]


def half(header, tensors=None):
    data = WIRE.pack(WIRE.Message(header, tensors or {}))
    LINE.sock.sendall(data[: len(data) // 2])
    os._exit(0)


LINE.send = half
