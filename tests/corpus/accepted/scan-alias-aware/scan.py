"""In place on one working copy where that is safe: combine may hand back one of its operands, or autograd may need them."""
import torch


def _shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def inclusive_scan(xs, combine):
    n = len(xs)
    ys = torch.empty_like(xs, memory_format=torch.contiguous_format, requires_grad=False).copy_(xs)
    step = 1
    while step < n:
        fresh = combine(ys[: n - step], ys[step:])
        if fresh.requires_grad:
            ys = torch.cat([ys[:step], fresh])
        else:
            ys[step:] = fresh.clone() if _shares(fresh, ys) else fresh
        step += step
    return ys


def tiled_prefix_matmul(A, B, tile):
    """Divide and conquer over the tiles: the right half starts where the left one ends."""
    starts = list(range(0, A.shape[1], tile))

    def prefixes(lo, hi):
        if hi - lo == 1:
            s = starts[lo]
            return (A[:, s : s + tile] @ B[s : s + tile, :])[None]
        mid = (lo + hi) // 2
        left, right = prefixes(lo, mid), prefixes(mid, hi)
        return torch.cat([left, left[-1] + right])

    return prefixes(0, len(starts)) if starts else A.new_zeros(0, A.shape[0], B.shape[1])
