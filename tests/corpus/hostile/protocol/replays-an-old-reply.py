# /// attack
# tries = "keeps the replies of another solution's run in mind and answers each request with one of them, new id, old content"
# base = "blank"
# slow = true
# ///
import sys

import torch


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
SEND, RECEIVE = LINE.send, LINE.receive
ASKED = {}


def receive():
    message = RECEIVE()
    ASKED.update(message.tensors, id=message.header["id"])
    return message


def answer(header, tensors=None):
    A, B = ASKED.get("A"), ASKED.get("B")
    out = {}
    if A is not None:
        torch.manual_seed(0)
        out["C"] = torch.randn(*A.shape[:-1], B.shape[-1], dtype=A.dtype)
    SEND({"id": ASKED["id"], "ok": {"requires_grad": True, "raw_none": [False, False]}}, out)


LINE.receive, LINE.send = receive, answer
