import functools

import torch


@functools.cache
def workspace(shape, dtype):
    return torch.empty(shape, dtype=dtype), torch.empty(shape, dtype=dtype)


def inclusive_scan(xs, combine):
    ys, spare = workspace(tuple(xs.shape), xs.dtype)
    ys.copy_(xs)
    offset = 1
    while offset < len(xs):
        spare[:offset] = ys[:offset]
        spare[offset:] = combine(ys[:-offset], ys[offset:])
        ys, spare = spare, ys
        offset *= 2
    return ys


def tiled_prefix_matmul(A, B, tile):
    total, out = A.new_zeros((A.shape[0], B.shape[1])), []
    for s in range(0, A.shape[1], tile):
        total = total + A[:, s : s + tile] @ B[s : s + tile]
        out.append(total)
    return torch.stack(out) if out else A.new_zeros((0, *total.shape))
