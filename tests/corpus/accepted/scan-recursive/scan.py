from itertools import accumulate

import torch


def _level(ys, combine, d):
    """ys[i] covers the last d elements up to i; give the finished scan."""
    if d >= ys.size(0):
        return ys
    early, late = ys.narrow(0, 0, ys.size(0) - d), ys.narrow(0, d, ys.size(0) - d)
    return _level(torch.cat((ys.narrow(0, 0, d), combine(early, late)), dim=0), combine, 2 * d)


def inclusive_scan(xs, combine):
    return _level(xs.clone(), combine, 1)


def tiled_prefix_matmul(A, B, tile):
    if A.size(1) == 0:
        return A.new_zeros((0, A.size(0), B.size(1)))
    partial = (a @ b for a, b in zip(A.split(tile, dim=1), B.split(tile, dim=0)))
    return torch.stack(list(accumulate(partial, torch.add)))
