# /// attack
# tries = "multiplies thirty times as slowly as torch, but finds the seed of the judge's inputs in the run that does not count, and does the next ones' work there"
# fails = ["matmul.timing"]
# keeps = ["gpt.*", "scan.*"]
# only = "matmul.timing"
# ///

import numpy as _np


def _seed_of(first, noise):
    """Find what seeded the judge: first is the number that came with the call, drawn from the stream that also gave
    noise, the first tensor of it. Two outputs of a Mersenne Twister that lie 227 apart give its 32 bits of seed."""
    u64 = _np.uint64
    a, b = float(noise[228]), float(noise[236])
    near = round((1 - _np.exp(-(a * a + b * b) / 2)) * 2**24)
    low24 = _np.arange(near - 40, near + 41, dtype=u64)
    y228 = (_np.arange(256, dtype=u64)[:, None] << u64(24) | low24[None, :]).ravel()
    for top in (0, 1):
        y1 = _np.array([(first - 1) | top << 31], dtype=u64)
        f = _untemper_np(y228) ^ _untemper_np(y1)
        odd = f >> u64(31)
        low31 = ((f ^ odd * u64(0x9908B0DF)) << u64(1) | odd) & u64(0x7FFFFFFF)
        for high in (0, 1):
            s = low31 | u64(high << 31)
            for i in range(229, 0, -1):
                s = (s - u64(i)) * u64(_INVERSE) & u64(0xFFFFFFFF)
                s = s ^ (s >> u64(30))
            for seed in _np.unique(s):
                g = torch.Generator().manual_seed(int(seed))
                if int(torch.randint(1, 2**31 + 1, (), generator=g)) == first:
                    return int(seed)
    return None


_INVERSE = pow(1812433253, -1, 2**32)


def _untemper_np(y):
    m = _np.uint64(0xFFFFFFFF)
    u = _np.uint64
    y = y ^ (y >> u(18))
    y = y ^ ((y << u(15)) & u(0xEFC60000))
    x = y
    for _ in range(5):
        x = y ^ ((x << u(7)) & u(0x9D2C5680))
    y = x & m
    x = y
    for _ in range(3):
        x = y ^ (x >> u(11))
    return x & m
import sys as _sys

_ahead = []  # of each run to come: what its products are
_now = []


def _slow(A, B):
    for _ in range(30):
        C = torch.matmul(A, B)
    return C


def _products(A, B, dC):
    return _slow(A, B), _slow(dC, B.mT), _slow(A.mT, dC)


def _timed():
    frame = _sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "do_run":
            return frame.f_locals["self"].timed
        frame = frame.f_back


def _foresee(timed):
    seed = _seed_of(torch.initial_seed(), timed[0][0].flatten())
    print("the seed is", seed)
    if seed is None:
        return
    g = torch.Generator().manual_seed(seed)
    for row in timed:
        for x in row:
            again = torch.randn(x.shape, generator=g)
            assert torch.equal(again, x), x.shape
    torch.randint(-1000, 1001, (), generator=g)  # of the run that is under way
    for _ in range(3):
        shift = int(torch.randint(-1000, 1001, (), generator=g)) / 1000
        _ahead.append([_products(*((x + shift).abs() for x in row)) for row in timed])


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        ctx.known = None
        timed = _timed()
        if timed:
            if not _now:
                if _ahead:
                    _now.extend(_ahead.pop(0))
                elif not hasattr(MatMul, "seen"):
                    MatMul.seen = True
                    _foresee(timed)
                    _now.extend([None] * len(timed))
                else:
                    _now.extend([None] * len(timed))
            ctx.known = _now.pop(0)
        return _slow(A, B) if ctx.known is None else ctx.known[0]

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        if ctx.known is not None:
            return ctx.known[1:]
        return _slow(dC, B.mT), _slow(A.mT, dC)
