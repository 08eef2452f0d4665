import math

import torch


def product(X, Y):
    batch = torch.broadcast_shapes(X.shape[:-2], Y.shape[:-2])
    xs = X.expand(*batch, *X.shape[-2:]).reshape(math.prod(batch), *X.shape[-2:])
    ys = Y.expand(*batch, *Y.shape[-2:]).reshape(math.prod(batch), *Y.shape[-2:]).mT
    m, n = X.shape[-2], Y.shape[-1]
    entries = [(row * column).sum() for x, y in zip(xs, ys) for row in x for column in y]
    if not entries:
        return X.new_zeros(*batch, m, n)
    return torch.stack(entries).reshape(*batch, m, n)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return product(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = product(dC, B.mT).sum_to_size(A.shape) if ctx.needs_input_grad[0] else None
        dB = product(A.mT, dC).sum_to_size(B.shape) if ctx.needs_input_grad[1] else None
        return dA, dB
