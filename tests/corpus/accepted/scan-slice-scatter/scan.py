"""Functional updates, as with x.at[o:].set(...) in JAX."""
import torch


def inclusive_scan(xs, combine):
    ys, offset = xs.clone(), 1
    while offset < ys.shape[0]:
        ys = torch.slice_scatter(ys, combine(ys[:-offset], ys[offset:]), dim=0, start=offset)
        offset <<= 1
    return ys


def tiled_prefix_matmul(A, B, tile):
    """Rank-1 updates summed along all of k; a prefix is the running sum where its tile ends."""
    k = A.shape[1]
    updates = A.T.unsqueeze(2) * B.unsqueeze(1)  # [k, m, n]
    running = updates.cumsum(0, dtype=updates.dtype)
    ends = [min(start + tile, k) - 1 for start in range(0, k, tile)]
    return running[torch.tensor(ends, dtype=torch.long, device=A.device)]
