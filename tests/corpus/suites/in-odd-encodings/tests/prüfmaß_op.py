"""What the contract says of MatMul, as plain functions: each takes the module and raises AssertionError."""

import torch

SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 4), (4, 1)),
    ((3, 3), (3, 3)),
    ((2, 0), (0, 3)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (1, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (1, 6, 4, 5)),
    ((6, 3, 4), (2, 6, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((2, 3, 2, 4), (4, 3)),
    ((0, 3, 4), (1, 4, 2)),
]


def operands(a, b, seed=0, dtype=torch.float64):
    dice = torch.Generator().manual_seed(seed)
    A = torch.randn(a, generator=dice, dtype=torch.float64).to(dtype)
    B = torch.randn(b, generator=dice, dtype=torch.float64).to(dtype)
    C = torch.randn(torch.matmul(A, B).shape, generator=dice, dtype=torch.float64).to(dtype)
    return A, B, C


def exact(A, B, dC):
    """dA_ir = sum_j dC_ij B_rj, dB_rj = sum_i A_ir dC_ij; a broadcast axis is summed over."""

    def summed(g, shape):
        while g.dim() > len(shape):
            g = g.sum(0)
        for axis, size in enumerate(shape):
            if size == 1 and g.size(axis) != 1:
                g = g.sum(axis, keepdim=True)
        return g

    dA = torch.einsum("...ij,...rj->...ir", dC, B.expand(dC.shape[:-2] + B.shape[-2:]))
    dB = torch.einsum("...ir,...ij->...rj", A.expand(dC.shape[:-2] + A.shape[-2:]), dC)
    return summed(dA, A.shape), summed(dB, B.shape)


def same(got, want, limit=1e-10):
    assert got is not None and got.shape == want.shape and got.dtype == want.dtype, (got, want)
    assert torch.allclose(got, want, rtol=limit, atol=limit), (got - want).abs().max()


def check_forward(matmul):
    for dtype, limit in ((torch.float64, 1e-10), (torch.float32, 1e-4)):
        for a, b in SHAPES:
            A, B, _ = operands(a, b, 1, dtype)
            same(matmul.MatMul.apply(A, B).detach(), torch.matmul(A, B), limit)


def check_backward_directly(matmul):
    for a, b in SHAPES:
        A, B, dC = operands(a, b, 2)
        A.requires_grad_()
        B.requires_grad_()
        node = matmul.MatMul.apply(A, B).grad_fn
        kept = dC.clone(), A.detach().clone(), B.detach().clone()
        with torch.no_grad():
            dA, dB = matmul.MatMul.backward(node, dC)
        wantA, wantB = exact(A.detach(), B.detach(), dC)
        same(dA.detach(), wantA)
        same(dB.detach(), wantB)
        assert torch.equal(dC, kept[0]) and torch.equal(A, kept[1]) and torch.equal(B, kept[2])


def check_through_autograd(matmul):
    for a, b in SHAPES:
        A, B, dC = operands(a, b, 3)
        wantA, wantB = exact(A, B, dC)
        A.requires_grad_()
        B.requires_grad_()
        matmul.MatMul.apply(A, B).backward(dC)
        same(A.grad, wantA)
        same(B.grad, wantB)


def check_one_sided(matmul):
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5))):
        A, B, dC = operands(a, b, 4)
        wantA, wantB = exact(A, B, dC)
        for left in (True, False):
            A1, B1 = A.clone().requires_grad_(left), B.clone().requires_grad_(not left)
            node = matmul.MatMul.apply(A1, B1).grad_fn
            with torch.no_grad():
                dA, dB = matmul.MatMul.backward(node, dC)
            if left:
                same(dA.detach(), wantA)
                assert dB is None
            else:
                assert dA is None
                same(dB.detach(), wantB)


def check_gradcheck(matmul):
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 2)), ((2, 1, 3, 2), (1, 2, 2, 3)), ((2, 3, 4), (4, 2))):
        A, B, _ = operands(a, b, 5)
        assert torch.autograd.gradcheck(matmul.MatMul.apply, (A.requires_grad_(), B.requires_grad_()))


def check_strides(matmul):
    A, B = operands((4, 3), (3, 1), 6)[0].t(), operands((5, 4), (4, 1), 6)[0].t()
    for dC in (torch.ones((), dtype=torch.float64).expand(3, 5), operands((5, 4), (4, 3), 7)[2].t()):
        wantA, wantB = exact(A, B, dC)
        X, Y = A.detach().requires_grad_(), B.detach().requires_grad_()
        assert not X.is_contiguous()
        dA, dB = matmul.MatMul.backward(matmul.MatMul.apply(X, Y).grad_fn, dC)
        same(dA.detach(), wantA)
        same(dB.detach(), wantB)
    E = operands((1, 3, 4), (4, 5), 8)[0].expand(6, 3, 4)
    F = operands((6, 4, 5), (5, 1), 9)[0]
    same(matmul.MatMul.apply(E, F).detach(), E @ F)


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]
