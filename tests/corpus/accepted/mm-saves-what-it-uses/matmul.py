import torch
from torch.autograd.function import Function


def sum_down(g: torch.Tensor, size: torch.Size) -> torch.Tensor:
    if g.shape == size:
        return g
    padded = [1] * (g.dim() - len(size)) + list(size)
    for axis, (have, want) in enumerate(zip(g.shape, padded)):
        if have != want:
            g = g.sum(axis, True)
    return g.reshape(size)


class MatMul(Function):
    """Frozen weights cost no memory: an operand is kept only for the other one's gradient."""

    @staticmethod
    def forward(A, B):
        if A.dim() > 2 and B.dim() == 2:  # one weight, a batch: one GEMM
            return A.flatten(0, -2).mm(B).unflatten(0, A.shape[:-1])
        return torch.matmul(A, B)

    @staticmethod
    def setup_context(ctx, inputs, output):
        A, B = inputs
        for_dA, for_dB = ctx.needs_input_grad
        ctx.sizes = A.size(), B.size()
        ctx.save_for_backward(A if for_dB else None, B if for_dA else None)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        size_A, size_B = ctx.sizes
        dA = None if not ctx.needs_input_grad[0] else sum_down(dC.matmul(B.transpose(-2, -1)), size_A)
        if not ctx.needs_input_grad[1]:
            return dA, None
        if len(size_B) == 2 and len(size_A) > 2:
            return dA, A.flatten(0, -2).t().mm(dC.flatten(0, -2))
        return dA, sum_down(A.transpose(-2, -1).matmul(dC), size_B)
