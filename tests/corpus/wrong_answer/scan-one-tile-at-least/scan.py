import torch


def inclusive_scan(xs, combine):
    ys, d = xs.clone(), 1
    while d < len(ys):
        ys = torch.cat([ys[:d], combine(ys[:-d], ys[d:])])
        d *= 2
    return ys


def tiled_prefix_matmul(A, B, tile):
    k = A.size(1)
    starts = range(0, max(k, 1), tile)
    return inclusive_scan(torch.stack([A[:, s : s + tile] @ B[s : s + tile] for s in starts]), torch.add)
