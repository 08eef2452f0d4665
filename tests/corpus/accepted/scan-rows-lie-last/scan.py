"""The scanned axis lies last in memory; a step is in place, with the left operand set aside first."""
import torch


def inclusive_scan(xs, combine):
    n = xs.shape[0]
    memory = torch.empty(*xs.shape[1:], n, dtype=xs.dtype, device=xs.device)
    rows = memory.movedim(-1, 0)  # [n, ...], a view
    rows.copy_(xs)
    o = 1
    while o < n:
        left = rows[: n - o].clone()
        right = rows[o:].clone()
        rows[o:].copy_(combine(left, right))
        o *= 2
    return rows


def tiled_prefix_matmul(A, B, tile):
    m, k = A.shape
    n = B.shape[1]
    tiles = (k + tile - 1) // tile
    out = torch.zeros(tiles + 1, m, n, dtype=A.dtype, device=A.device)
    for t in range(tiles):
        piece = slice(t * tile, min(k, (t + 1) * tile))
        torch.addmm(out[t], A[:, piece], B[piece], out=out[t + 1])
    return out[1:]
