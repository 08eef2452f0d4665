import math

import torch
from torch import Tensor


def lift(x: Tensor, rank: int) -> Tensor:
    """Put size-1 axes in front until x has this rank."""
    return x[(None,) * (rank - x.dim()) + (...,)]


def fold(x: Tensor, axes: list[int]) -> Tensor:
    """Move the batch axes `axes` in front of the row axis and merge them into it; leave 1 behind."""
    rest = [a for a in range(x.dim() - 2) if a not in axes]
    y = x.permute(*rest, *axes, x.dim() - 2, x.dim() - 1)
    rows = math.prod(x.size(a) for a in axes) * x.size(-2)
    return y.reshape(*(x.size(a) for a in rest), rows, x.size(-1))


def contract(left: Tensor, right: Tensor, shape: torch.Size) -> Tensor:
    """sum_i left[..., i, p] right[..., i, q], and also over each batch axis that `shape` does not have at full size."""
    rank = right.dim()
    left, full = lift(left, rank), (1,) * (rank - len(shape)) + tuple(shape)
    axes = [a for a in range(rank - 2) if full[a] == 1 and right.size(a) != 1]
    return (fold(left, axes).mT @ fold(right, axes)).reshape(shape)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A.matmul(B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[1]:
            dB = contract(A, dC, B.shape)
        if ctx.needs_input_grad[0]:
            # the same rule for C^T = B^T A^T: rows of dC^T are j, and dA^T = B dC^T
            At = A.shape[:-2] + (A.size(-1), A.size(-2))
            dA = contract(B.mT, dC.mT, At).mT
        return dA, dB
