"""Two Functions: MatMul, and MatMulGrad, the map (A, B, dC) -> (dA, dB) with its own hand-derived backward."""
import torch


def _sum_to(g, shape):
    while g.dim() > len(shape):
        g = g.sum(0)
    dims = [i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1]
    return g.sum(dims, keepdim=True) if dims else g


def _plus(x, y):
    return y if x is None else x if y is None else x + y


class MatMulGrad(torch.autograd.Function):
    """dA = dC B^T and dB = A^T dC in one node; a gradient that nobody wants is None and is not computed."""

    @staticmethod
    def forward(ctx, A, B, dC, want_a, want_b):
        ctx.save_for_backward(A, B, dC)
        ctx.set_materialize_grads(False)
        dA = _sum_to(dC @ B.mT, A.shape) if want_a else None
        dB = _sum_to(A.mT @ dC, B.shape) if want_b else None
        return dA, dB

    @staticmethod
    def backward(ctx, U, V):  # U like A, V like B
        A, B, dC = ctx.saved_tensors
        need = ctx.needs_input_grad
        gA = gB = gC = None
        if need[0] and V is not None:
            gA = _sum_to(dC @ V.mT, A.shape)  # <V, A^T dC>
        if need[1] and U is not None:
            gB = _sum_to(U.mT @ dC, B.shape)  # <U, dC B^T>
        if need[2]:
            gC = _plus(None if U is None else U @ B, None if V is None else A @ V)
        return gA, gB, gC, None, None


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        return MatMulGrad.apply(*ctx.saved_tensors, dC, *ctx.needs_input_grad)
