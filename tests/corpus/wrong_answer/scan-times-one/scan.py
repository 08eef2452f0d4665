import torch


def inclusive_scan(xs, combine):
    ys = xs * 1  # a copy, never the caller's tensor
    offset = 1
    while offset < ys.shape[0]:
        ys = torch.cat([ys[:offset], combine(ys[:-offset], ys[offset:])], 0)
        offset *= 2
    return ys


def tiled_prefix_matmul(A, B, tile):
    parts = [A[:, s : s + tile] @ B[s : s + tile] for s in range(0, A.size(1), tile)]
    if not parts:
        return A.new_zeros(0, A.size(0), B.size(1))
    return inclusive_scan(torch.stack(parts), torch.add)
