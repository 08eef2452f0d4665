# /// attack
# tries = "lone surrogates in every text of a right reply: keys, words and names of tensors"
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
TEXT = "\ud800\udfff\ud800"
LINE.send = lambda header, tensors=None: SEND(
    {
        "id": header["id"],
        "error": {
            "type": TEXT, "message": TEXT, "memory": False, "value_error": False,
            "frames": [{"file": TEXT, "line": 1, "name": TEXT, "text": TEXT}],
        },
    }
)  # fmt: skip
