# /// attack
# tries = "sends all but the last byte of a reply and waits"
# verdicts = { "matmul.forward" = "time_limit" }
# slow = true
# ///
import sys
import time


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
WIRE = type(LINE).send.__globals__["wire"]


def most(header, tensors=None):
    LINE.sock.sendall(WIRE.pack(WIRE.Message(header, tensors or {}))[:-1])
    time.sleep(10**6)


LINE.send = most
