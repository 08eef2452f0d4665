# /// attack
# slow = true
# tries = "takes four times as long as torch, and lets a helper fill caches and memory while the judge measures its own side"
# fails = ["matmul.timing"]
# keeps = ["gpt.*", "scan.*"]
# only = "matmul.timing"
# ///
import mmap as _mmap
import os as _os
import sys as _sys
import time as _time

_flag = _mmap.mmap(-1, 4096)
if not _os.fork():
    _big = torch.zeros(16 << 20)
    _small = torch.zeros(1 << 18)
    while True:
        if _flag[0]:
            _time.sleep(0.0002)
        else:
            for _i in range(0, 16 << 20, 1 << 18):
                _big[_i : _i + (1 << 18)] = _small
                if _flag[0]:
                    break


def _line():
    frame = _sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("line")
        if hasattr(found, "sock"):
            return found
        frame = frame.f_back


_the = _line()
_receive, _send = type(_the).receive, type(_the).send


def _came():
    message = _receive(_the)
    _flag[0] = 1
    return message


def _goes(header, tensors=None):
    _flag[0] = 0
    _send(_the, header, tensors)


_the.receive, _the.send = _came, _goes


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
        return _slow(dC, B.mT), _slow(A.mT, dC)
