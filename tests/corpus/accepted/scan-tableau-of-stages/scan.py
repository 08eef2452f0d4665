"""The whole tableau of stages is kept, [steps + 1, n, ...]; stage s is written next to stage s - 1."""
import math

import torch


def inclusive_scan(xs, combine):
    n = xs.shape[0]
    steps = math.ceil(math.log2(n)) if n > 1 else 0
    tableau = xs.new_empty((steps + 1, *xs.shape))
    tableau[0] = xs
    for step in range(steps):
        before, after = tableau[step], tableau[step + 1]
        offset = 1 << step
        after.narrow(0, 0, offset).copy_(before.narrow(0, 0, offset))
        after.narrow(0, offset, n - offset).copy_(
            combine(before.narrow(0, 0, n - offset), before.narrow(0, offset, n - offset))
        )
    return tableau[steps].clone()


def tiled_prefix_matmul(A, B, tile):
    (m, k), n = A.shape, B.shape[1]
    whole, ragged = divmod(k, tile)
    cut = whole * tile
    a = A[:, :cut].reshape(m, whole, tile).permute(1, 0, 2)
    b = B[:cut].reshape(whole, tile, n)
    products = torch.einsum("tmr,trn->tmn", a, b)
    if ragged:
        products = torch.cat([products, (A[:, cut:] @ B[cut:])[None]])
    return inclusive_scan(products, torch.add)
