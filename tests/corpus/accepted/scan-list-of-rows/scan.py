import torch


def inclusive_scan(xs, combine):
    rows = list(xs.unbind(0))
    if not rows:
        return torch.empty_like(xs)
    reach = 1
    while reach < len(rows):
        left, right = rows[:-reach], rows[reach:]
        rows[reach:] = combine(torch.stack(left), torch.stack(right)).unbind(0)
        reach *= 2
    return torch.stack(rows)


def tiled_prefix_matmul(A, B, tile):
    """prefix = L @ products, L lower-triangular ones: [t, t] x [t, m n]."""
    m, n = A.size(0), B.size(1)
    if A.size(1) == 0:
        return torch.zeros(0, m, n, dtype=A.dtype)
    products = torch.stack([a @ b for a, b in zip(A.split(tile, 1), B.split(tile, 0))])
    t = len(products)
    return (torch.ones(t, t, dtype=A.dtype).tril() @ products.reshape(t, m * n)).reshape(t, m, n)
