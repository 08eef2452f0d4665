"""What the contract says of the scan."""

import torch


def check_scan(scan):
    for n in (0, 1, 2, 3, 5, 8, 9, 13):
        xs = torch.randint(0, 7, (n, 2, 2), generator=torch.Generator().manual_seed(n))
        kept = xs.clone()
        ys = scan.inclusive_scan(xs, lambda left, right: (left @ right) % 101)
        assert torch.equal(xs, kept) and ys.shape == xs.shape
        total = torch.eye(2, dtype=torch.int64)
        for i in range(n):
            total = total @ xs[i] % 101
            assert torch.equal(ys[i] % 101, total), (n, i)


def check_tiles(scan):
    A = torch.randn(3, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    B = torch.randn(10, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for tile in (1, 3, 5, 10, 16):
        got = scan.tiled_prefix_matmul(A, B, tile)
        ends = list(range(tile, 10, tile)) + [10]
        assert got.shape == (len(ends), 3, 4)
        for g, end in zip(got, ends):
            assert torch.allclose(g, A[:, :end] @ B[:end])


CHECKS = [check_scan, check_tiles]
