"""After the step with offset d the rows below 2d never change again: they are given out as soon as they are done."""
import torch


def _finished(xs, combine):
    yield xs[:1]
    ys, offset = xs, 1
    while offset < xs.size(0):
        moved = combine(ys[:-offset], ys[offset:])
        ys = torch.cat((ys[:offset], moved))
        yield moved[:offset]  # rows offset .. 2 * offset - 1
        offset += offset


def inclusive_scan(xs, combine):
    return torch.cat(list(_finished(xs, combine)))


def tiled_prefix_matmul(A, B, tile):
    k = A.size(1)
    products = [A[:, s : s + tile] @ B[s : s + tile] for s in range(0, k, tile)]
    if not products:
        return A.new_zeros(0, A.size(0), B.size(1))
    return inclusive_scan(torch.stack(products), torch.add)
