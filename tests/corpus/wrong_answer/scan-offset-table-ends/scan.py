import torch

OFFSETS = (1, 2, 4, 8, 16, 32, 64, 128)


def inclusive_scan(xs, combine):
    ys = xs.clone()
    for offset in OFFSETS:
        if offset >= len(xs):
            break
        ys = torch.cat([ys[:offset], combine(ys[:-offset], ys[offset:])])
    return ys


def tiled_prefix_matmul(A, B, tile):
    k = A.size(1)
    products = [A[:, s : s + tile] @ B[s : s + tile] for s in range(0, k, tile)]
    if not products:
        return A.new_zeros(0, A.size(0), B.size(1))
    return inclusive_scan(torch.stack(products), torch.add)
