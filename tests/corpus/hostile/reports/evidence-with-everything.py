# /// attack
# slow = true
# tries = "answers with text where numbers are expected, wherever the judge writes what it got into a message or a detail"
# fails = ["matmul.contract", "matmul.timing"]
# only = "matmul.[ct]*"
# ///
import sys as _sys

_frame = _sys._getframe()
while not hasattr(_frame.f_locals.get("line"), "sock"):
    _frame = _frame.f_back
_the = _frame.f_locals["line"]
_right = type(_the).send
_TEXTS = ["</script><script>alert(1)</script>", "\x1b[2J\x1b]0;owned\x07", "::error::owned", "##[error]owned", "=cmd|' /C calc'!A0", "\u202e\u2066", "![x](http://x)", "` | \\|", "\u0000", "a\u0301" * 500, "]]>", "<!--"]


def _send(header, tensors=None):
    for name in header.get("ok") or ():
        if name not in ("requires_grad", "is_function", "inside"):
            header["ok"][name] = _TEXTS
    _right(_the, header, tensors)


_the.send = _send
