"""A test for each way in which sizes are one, equal or neither; the rest by what the demands say."""

from itertools import product

import demands_gpt
import demands_mm
import demands_scan
import matmul
import minigpt
import pytest
import scan
import torch

BATCHES = [(), (1,), (2,), (3, 1), (3, 2)]


@pytest.mark.parametrize(("m", "k", "n"), product((1, 2, 3, 5), repeat=3))
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shared", [False, True])
def test_product(m, k, n, batch, shared):
    A, B, _ = demands_mm.operands((*batch, m, k), (k, n) if shared else (*batch, k, n))
    torch.testing.assert_close(matmul.MatMul.apply(A, B), A @ B)


@pytest.mark.parametrize("check", demands_mm.CHECKS)
def test_op(check):
    check(matmul)


@pytest.mark.parametrize("case", demands_gpt.CASES)
@pytest.mark.parametrize("check", demands_gpt.CHECKS)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", demands_scan.CHECKS)
def test_scan(check):
    check(scan)
