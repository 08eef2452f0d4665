# /// attack
# slow = true
# tries = "answers each request with sixty megabytes beside the right answer, as much as a reply may have"
# fails = []
# keeps = ["gpt.load", "scan.tiled"]
# ///
import sys as _sys

_frame = _sys._getframe()
while not hasattr(_frame.f_locals.get("line"), "sock"):
    _frame = _frame.f_back
_the = _frame.f_locals["line"]
_right, _much = type(_the).send, torch.zeros(60 << 20, dtype=torch.uint8)
_the.send = lambda header, tensors=None: _right(_the, header, (tensors or {}) | {"much": _much})
