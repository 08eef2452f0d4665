"""MatMul and its two gradients, each a Function; the backward of one is made of the others."""
import torch
from torch.autograd import Function


def shrink(g, shape):
    while g.ndim > len(shape):
        g = g.sum(0)
    for ax, size in enumerate(shape):
        if size == 1 and g.shape[ax] != 1:
            g = g.sum(ax, keepdim=True)
    return g


class MatMul(Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = GradLeft.apply(dC, B, A.shape) if ctx.needs_input_grad[0] else None
        dB = GradRight.apply(dC, A, B.shape) if ctx.needs_input_grad[1] else None
        return dA, dB


class GradLeft(Function):
    """dA = sum over stretched axes of dC B^T. It is linear in dC and in B."""

    @staticmethod
    def forward(ctx, dC, B, shape):
        ctx.save_for_backward(dC, B)
        return shrink(dC @ B.transpose(-1, -2), shape)

    @staticmethod
    def backward(ctx, G):  # G has A's shape
        dC, B = ctx.saved_tensors
        g_dC = g_B = None
        if ctx.needs_input_grad[0]:
            g_dC = MatMul.apply(G, B)  # same batch as dC, since G is shaped as A
        if ctx.needs_input_grad[1]:
            g_B = GradRight.apply(dC, G, B.shape)  # G^T dC
        return g_dC, g_B, None


class GradRight(Function):
    """dB = sum over stretched axes of A^T dC."""

    @staticmethod
    def forward(ctx, dC, A, shape):
        ctx.save_for_backward(dC, A)
        return shrink(A.transpose(-1, -2) @ dC, shape)

    @staticmethod
    def backward(ctx, G):  # G has B's shape
        dC, A = ctx.saved_tensors
        g_dC = g_A = None
        if ctx.needs_input_grad[0]:
            g_dC = MatMul.apply(A, G)
        if ctx.needs_input_grad[1]:
            g_A = GradLeft.apply(dC, G, A.shape)  # dC G^T
        return g_dC, g_A, None
