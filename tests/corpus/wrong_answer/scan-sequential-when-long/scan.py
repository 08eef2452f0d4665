import torch


def inclusive_scan(xs, combine):
    n = len(xs)
    ys = xs.clone()
    if n > 64:  # n log n work no longer pays
        for i in range(1, n):
            ys[i : i + 1] = combine(ys[i - 1 : i].clone(), ys[i : i + 1].clone())
        return ys
    d = 1
    while d < n:
        ys = torch.cat([ys[:d], combine(ys[:-d], ys[d:])])
        d *= 2
    return ys


def tiled_prefix_matmul(A, B, tile):
    k = A.size(1)
    out = A.new_zeros(-(-k // tile), A.size(0), B.size(1))
    for t, s in enumerate(range(0, k, tile)):
        out[t] = A[:, s : s + tile] @ B[s : s + tile]
    return out.cumsum(0)
