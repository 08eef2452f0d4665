"""The Function's values, and gradients as backward itself returns them."""

import pytest
import torch
from matmul import MatMul

SHAPES = [
    ((3, 5), (5, 4)),
    ((1, 6), (6, 2)),
    ((2, 3, 5), (2, 5, 4)),
    ((2, 3, 4, 5), (2, 3, 5, 6)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 6, 4, 5)),
    ((5, 3, 4), (1, 4, 2)),
    ((2, 1, 3, 4), (1, 6, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((3, 0), (0, 4)),
    ((3, 3, 0), (0, 4)),
]


def operands(a, b, dtype=torch.float64):
    torch.manual_seed(0)
    return torch.randn(a, dtype=dtype, requires_grad=True), torch.randn(b, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("a, b", SHAPES)
def test_values_and_raw_gradients(a, b):
    """backward, called directly, gives the operands' shapes and the exact values: autograd cannot repair it here."""
    A, B = operands(a, b)
    C = MatMul.apply(A, B)
    want = torch.matmul(A, B)
    torch.testing.assert_close(C, want, atol=1e-12, rtol=0)
    dC = torch.randn_like(C)
    kept = dC.clone()
    dA, dB = MatMul.backward(C.grad_fn, dC)
    for got, exact, operand in zip((dA, dB), torch.autograd.grad(want, (A, B), dC), (A, B)):
        assert got.shape == operand.shape and got.dtype == operand.dtype
        torch.testing.assert_close(got, exact, atol=1e-12, rtol=0)
    assert torch.equal(dC, kept)
    for got, exact in zip(torch.autograd.grad(C, (A, B), dC), (dA, dB)):
        torch.testing.assert_close(got, exact)


@pytest.mark.parametrize("a, b", [((3, 2), (2, 4)), ((2, 2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 2))])
def test_gradcheck(a, b):
    inputs = operands(a, b)
    assert torch.autograd.gradcheck(MatMul.apply, inputs)
    assert torch.autograd.gradgradcheck(MatMul.apply, inputs)


@pytest.mark.parametrize("needs", [(True, False), (False, True)])
def test_one_sided(needs):
    """None for the operand that needs no gradient, the exact one for the other."""
    A, B = operands((3, 5), (5, 4))
    a, b = A.detach().requires_grad_(needs[0]), B.detach().requires_grad_(needs[1])
    C = MatMul.apply(a, b)
    dC = torch.randn_like(C)
    grads = MatMul.backward(C.grad_fn, dC)
    exact = dC @ B.mT, A.mT @ dC
    for got, needed, want in zip(grads, needs, exact):
        if needed:
            torch.testing.assert_close(got, want)
        else:
            assert got is None


@pytest.mark.parametrize("which", [0, 1])
def test_a_change_in_place_is_noticed(which):
    """Only tensors kept with save_for_backward carry the version check."""
    A, B = operands((3, 5), (5, 4))
    pair = [A * 1, B * 1]
    C = MatMul.apply(*pair)
    with torch.no_grad():
        pair[which].add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        C.sum().backward()


def test_strided_operands_and_gradients():
    A, B = operands((5, 3), (4, 5))
    C = MatMul.apply(A.mT, B.mT)
    dC = torch.randn(4, 3, dtype=torch.float64).mT
    for got, want in zip(torch.autograd.grad(C, (A, B), dC), torch.autograd.grad(A.mT @ B.mT, (A, B), dC)):
        torch.testing.assert_close(got, want)
    C = MatMul.apply(A.mT, B.mT)
    C.sum().backward()  # an expanded gradient
    torch.testing.assert_close(A.grad, B.detach().sum(0)[:, None].expand(5, 3))


def test_float32_stays_float32():
    A, B = operands((3, 5), (5, 4), torch.float32)
    C = MatMul.apply(A, B)
    assert C.dtype == torch.float32
    assert all(g.dtype == torch.float32 for g in MatMul.backward(C.grad_fn, torch.ones_like(C)))
