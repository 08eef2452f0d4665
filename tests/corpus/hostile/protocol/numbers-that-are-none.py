# /// attack
# tries = "puts lists, booleans and objects where numbers and words belong in a reply"
# base = "blank"
# ///
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"], frame.f_locals["sock"]
        frame = frame.f_back


LINE, _ = line()
SEND = LINE.send
KINDS = iter(
    [
        {"too_large": True},
        {"too_large": -(10**400)},
        {"unfit": ["x"]},
        {"error": {"type": 1, "message": None, "frames": "x", "memory": 0, "value_error": 1}},
        {"ok": []},
    ]
    * 1000
)
LINE.send = lambda header, tensors=None: SEND({"id": header["id"], **next(KINDS)})
