# /// attack
# tries = "reports an error at line 10^400, at a minus line, in 100,000 frames"
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
FRAME = {"file": "matmul.py", "line": -(10**400), "name": "x", "text": "y"}
LINE.send = lambda header, tensors=None: SEND(
    {
        "id": header["id"],
        "error": {
            "type": "E" * 100_000, "message": "m" * 100_000, "frames": [FRAME] * 500, "memory": False,
            "value_error": True,
        },
    }
)  # fmt: skip
