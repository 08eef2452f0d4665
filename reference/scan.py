"""Inclusive scan after Hillis and Steele, and the prefix products of a matmul that is tiled over k.

Each step combines every element with the one `offset` to its left; offsets 1, 2, 4, ... so ceil(log2 n) steps,
O(n log n) work. The order left, right is kept, so the operator need not commute.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def inclusive_scan(xs: Tensor, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Give ys [n, ...] with ys[i] = xs[0] . xs[1] . ... . xs[i] for an associative combine."""
    ys = xs.clone()
    offset = 1
    while offset < len(ys):
        # Row i holds the product of the last `offset` rows up to i; the row `offset` to its left ends where it begins.
        ys = torch.cat([ys[:offset], combine(ys[:-offset], ys[offset:])])
        offset *= 2
    return ys


def tiled_prefix_matmul(A: Tensor, B: Tensor, tile: int) -> Tensor:
    """Give every prefix sum over k-tiles of A [m, k] @ B [k, n], as [ceil(k / tile), m, n].

    The sum over k is associative, so tiles may be combined in any grouping. Only worth a scan because every prefix is
    asked for: for the last one alone, a reduction or a plain GEMM does less work.
    """
    k = A.size(1)
    products = [A[:, s : s + tile] @ B[s : s + tile] for s in range(0, k, tile)]  # each [m, n]
    if not products:
        return A.new_zeros(0, A.size(0), B.size(1))
    return inclusive_scan(torch.stack(products), torch.add)
