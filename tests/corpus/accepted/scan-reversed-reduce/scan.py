"""The newest row first: then `the one d before` is `the one d after`."""
from functools import reduce

import torch


def inclusive_scan(xs, combine):
    n = xs.size(0)

    def level(ys, e):
        d = 2**e
        return torch.cat((combine(ys[d:], ys[: n - d]), ys[n - d :]), 0)

    return reduce(level, range((n - 1).bit_length() if n else 0), xs.flip(0)).flip(0)


def tiled_prefix_matmul(A, B, tile):
    k = A.size(1)
    t = (k + tile - 1) // tile
    stairs = (torch.arange(k) // tile <= torch.arange(t)[:, None]).to(A.dtype)  # [t, k]
    return torch.einsum("tk,mk,kn->tmn", stairs, A, B)
