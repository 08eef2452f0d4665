# /// attack
# tries = "replies with ok, an error and a verdict at once"
# base = "blank"
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
LINE.send = lambda header, tensors=None: SEND(
    {"id": header["id"], "ok": {"accepted": True}, "unfit": "", "too_large": 0, "combine": True}
)
