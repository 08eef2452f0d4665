import math

import torch


def inclusive_scan(xs, combine):
    n = len(xs)
    ys = xs.clone()
    steps = round(math.log2(n)) if n > 1 else 0
    for s in range(steps):
        d = 2**s
        ys = torch.cat((ys[:d], combine(ys[:-d], ys[d:])), dim=0)
    return ys


def tiled_prefix_matmul(A, B, tile):
    parts = [A[:, s : s + tile] @ B[s : s + tile] for s in range(0, A.size(1), tile)]
    if not parts:
        return A.new_zeros(0, A.size(0), B.size(1))
    return inclusive_scan(torch.stack(parts), torch.add)
