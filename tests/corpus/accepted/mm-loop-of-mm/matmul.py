"""One torch.mm for each matrix of the batch."""

import math

import torch
from torch import Tensor


def each(f, X: Tensor, Y: Tensor) -> Tensor:
    """Apply f to every pair of matrices of two broadcast batches."""
    if X.dim() == 2 and Y.dim() == 2:
        return f(X, Y)
    batch = torch.broadcast_shapes(X.shape[:-2], Y.shape[:-2])
    xs = X.expand(*batch, *X.shape[-2:]).reshape(math.prod(batch), *X.shape[-2:])
    ys = Y.expand(*batch, *Y.shape[-2:]).reshape(math.prod(batch), *Y.shape[-2:])
    if len(xs) == 0:
        return X.new_zeros(*batch, *f(X.new_zeros(X.shape[-2:]), Y.new_zeros(Y.shape[-2:])).shape)
    out = torch.stack([f(x, y) for x, y in zip(xs, ys, strict=True)])
    return out.reshape(*batch, *out.shape[-2:])


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return each(torch.mm, A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        need_A, need_B = ctx.needs_input_grad
        return (
            each(lambda g, b: torch.mm(g, b.t()), dC, B).sum_to_size(A.shape) if need_A else None,
            each(lambda a, g: torch.mm(a.t(), g), A, dC).sum_to_size(B.shape) if need_B else None,
        )
