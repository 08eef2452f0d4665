# /// attack
# tries = "sends small replies as fast as it can and never reads a request"
# slow = true
# ///
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
SEND = LINE.send


def flood(header, tensors=None):
    while True:
        SEND({"id": "f" * 16, "ok": {}})


LINE.send = flood
