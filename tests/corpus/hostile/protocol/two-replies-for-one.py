# /// attack
# tries = "sends each reply twice, so that the second one answers the next request"
# fails = ["matmul.*"]
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


def twice(header, tensors=None):
    SEND(header, tensors)
    SEND(header, tensors)


LINE.send = twice
