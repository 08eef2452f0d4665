# /// attack
# tries = "replies that the harness failed, in every field it can think of"
# verdicts = { "matmul.forward" = "protocol_error" }
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
    {"id": header["id"], "ok": {}, "outcome": "harness_error", "verdict": "harness_error", "exit": 3}
)
