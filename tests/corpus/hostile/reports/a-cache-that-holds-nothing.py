# /// attack
# tries = "says that no byte lies behind its cache, which is right otherwise: the picture of its memory cannot be drawn"
# into = "minigpt.py"
# fails = []
# keeps = ["cache.*", "matmul.*", "scan.*"]
# only = "cache.layout"
# ///
import sys as _sys

_frame = _sys._getframe()
while not hasattr(_frame.f_locals.get("line"), "sock"):
    _frame = _frame.f_back
_the = _frame.f_locals["line"]
_right = type(_the).send


def _send(header, tensors=None):
    if "held_bytes" in (header.get("ok") or ()):
        header["ok"]["held_bytes"] = 0
    _right(_the, header, tensors)


_the.send = _send
