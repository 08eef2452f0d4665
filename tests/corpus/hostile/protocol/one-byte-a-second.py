# /// attack
# tries = "dribbles its reply, a byte at a time, so that no single read ever waits long"
# verdicts = { "matmul.forward" = "time_limit" }
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


def dribble(header, tensors=None):
    for byte in WIRE.pack(WIRE.Message(header, tensors or {})):
        LINE.sock.sendall(bytes([byte]))
        time.sleep(0.9)


LINE.send = dribble
