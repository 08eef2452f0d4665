# /// attack
# tries = "every call raises an error that says it is a ValueError, also where the judge must see one"
# base = "blank"
# into = "minigpt.py"
# only = "[gc]*.[bl]o*"
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
ERROR = {"type": "ValueError", "message": "too long", "frames": [], "memory": False, "value_error": True}
COUNT = [0]


def send(header, tensors=None):
    COUNT[0] += 1
    SEND({"id": header["id"], "ok": {}} if COUNT[0] < 3 else {"id": header["id"], "error": ERROR})


LINE.send = send
