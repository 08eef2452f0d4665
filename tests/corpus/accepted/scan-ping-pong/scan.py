import torch
import torch.nn.functional as F


def inclusive_scan(xs, combine):
    n = xs.shape[0]
    src = xs.clone(memory_format=torch.contiguous_format)
    dst = torch.empty_like(src)
    d = 1
    while d < n:
        dst[:d] = src[:d]
        dst[d:] = combine(src[: n - d], src[d:])
        src, dst = dst, src
        d <<= 1
    return src


def tiled_prefix_matmul(A, B, tile):
    m, k = A.shape
    n = B.shape[1]
    tiles = (k + tile - 1) // tile
    pad = tiles * tile - k
    a = F.pad(A, (0, pad)).reshape(m, tiles, tile).permute(1, 0, 2)
    b = F.pad(B, (0, 0, 0, pad)).reshape(tiles, tile, n)
    return torch.bmm(a, b).cumsum(0)
