# /// attack
# tries = "multiplies five times as often as it should, and has its tests answer, at the moment when the judge measures its own products, with a reply that takes the judge's process long to read"
# only = "[mv][ae][tr]*.t[ie][ms]*"
# fails = ["matmul.timing"]
# slow = true
# ///
import shutil
from pathlib import Path

EVERY = 3.0
MATMUL = f"""

import sys as _sys
import time as _time


def _slow(A, B):
    for _ in range(5):
        C = torch.matmul(A, B)
    return C


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return _slow(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        return reduce_to(_slow(dC, B.mT), A.shape), reduce_to(_slow(A.mT, dC), B.shape)


_frame = _sys._getframe()
while "PARTS" not in _frame.f_globals:
    _frame = _frame.f_back
_server = _frame.f_globals["PARTS"]["matmul"]
_run = _server.do_run
_count = [0]


def _late(self, args, tensors, call_back):
    answer = _run(self, args, tensors, call_back)
    _count[0] += 1
    if 1 < _count[0] < 8:
        _time.sleep(5.0 if _count[0] == 2 else 0.0)
        _time.sleep({EVERY} - _time.time() % {EVERY} + 0.02)
    return answer


_server.do_run = _late
"""
TEST = f"""
import json, struct, sys, time

frame = sys._getframe()
while "call_id" not in frame.f_locals or "line" not in frame.f_locals:
    frame = frame.f_back
line, call_id = frame.f_locals["line"], frame.f_locals["call_id"]
junk = ",".join(["{{}}"] * 345_000)
head = '{{"id": "%s", "ok": {{"passed": 1, "failed": [], "junk": [%s]}}}}' % (call_id, junk)
data = struct.pack(">IQ", len(head), 0) + head.encode()
line.sock.sendall(data[:-1])
time.sleep(0.1)
time.sleep({EVERY} - time.time() % {EVERY})
line.sock.sendall(data[-1:])
time.sleep(100)
"""


def build(home):
    part = home / "matmul.py"
    part.write_text(part.read_text() + MATMUL)
    (home / "tests").mkdir()
    (home / "tests" / "test_all.py").write_text(TEST)
    return home
