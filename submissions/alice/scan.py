"""Hillis-Steele scan, and a matmul tiled over k that gives every prefix."""

import torch


def inclusive_scan(xs, combine):
    """ys[i] = xs[0] . xs[1] . ... . xs[i], in ceil(log2 n) steps.

    Before the step with offset s, row i holds the product of the min(s, i + 1) rows that end at i.
    """
    n = xs.shape[0]
    ys = xs.clone()
    step = 1
    while step < n:
        earlier, later = ys[: n - step].clone(), ys[step:].clone()  # the rows left of `later` by `step`
        ys[step:] = combine(earlier, later)
        step *= 2
    return ys


def tiled_prefix_matmul(A, B, tile):
    """A [m, k], B [k, n] -> [ceil(k / tile), m, n]: entry t is the product over the first (t + 1) * tile columns."""
    (m, k), n = A.shape, B.shape[1]
    parts = A.new_zeros((k + tile - 1) // tile, m, n)
    for t, (a, b) in enumerate(zip(A.split(tile, dim=1), B.split(tile, dim=0))):
        if k:
            parts[t] = a @ b
    return inclusive_scan(parts, lambda left, right: left + right)
