"""The scan with an operator that does not commute, its steps, and every prefix of the tiled product."""

import pytest
import torch
from scan import inclusive_scan, tiled_prefix_matmul


def multiply(left, right):
    return (left @ right) % 97


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 7, 8, 9, 31, 33])
def test_matrices_in_order(n):
    xs = torch.randint(97, (n, 2, 2), generator=torch.Generator().manual_seed(n))
    kept = xs.clone()
    ys = inclusive_scan(xs, multiply)
    assert torch.equal(xs, kept)
    assert ys.shape == xs.shape and ys.dtype == xs.dtype
    total = torch.eye(2, dtype=torch.int64)
    for x, y in zip(xs, ys):
        total = (total @ x) % 97
        assert torch.equal(y, total)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 9, 33])
def test_steps_double_their_offset(n):
    """Rows are intervals (first, last): a combine of neighbours must meet end to end, with offsets 1, 2, 4, ..."""
    steps = []

    def join(left, right):
        assert left.shape == right.shape
        assert torch.equal(left[:, 1] + 1, right[:, 0])
        steps.append((right[:, 1] - left[:, 1]).max().item())
        return torch.stack([left[:, 0], right[:, 1]], 1)

    here = torch.arange(n)
    ys = inclusive_scan(torch.stack([here, here], 1), join)
    assert torch.equal(ys[:, 1], here) and not ys[:, 0].any()
    assert steps == [2**i for i in range((n - 1).bit_length())]


@pytest.mark.parametrize("k, tile", [(6, 2), (7, 3), (5, 5), (4, 9), (3, 1), (33, 4)])
def test_every_prefix(k, tile):
    torch.manual_seed(0)
    A, B = torch.randn(2, k, dtype=torch.float64), torch.randn(k, 3, dtype=torch.float64)
    got = tiled_prefix_matmul(A, B, tile)
    ends = [min(s + tile, k) for s in range(0, k, tile)]
    assert got.shape == (len(ends), 2, 3)
    for product, end in zip(got, ends):
        torch.testing.assert_close(product, A[:, :end] @ B[:end])
