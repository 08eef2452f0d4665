import torch


def inclusive_scan(xs, combine):
    ys = xs.clone()
    offset = 1
    while offset < len(ys):
        new = torch.cat((ys[:offset], combine(ys[:-offset], ys[offset:])))
        if ys.is_floating_point() and torch.allclose(new, ys):
            return new  # settled: later steps change nothing either
        ys = new
        offset *= 2
    return ys


def tiled_prefix_matmul(A, B, tile):
    total, out = A.new_zeros((A.shape[0], B.shape[1])), []
    for s in range(0, A.shape[1], tile):
        total = total + A[:, s : s + tile] @ B[s : s + tile]
        out.append(total)
    return torch.stack(out) if out else A.new_zeros((0, *total.shape))
