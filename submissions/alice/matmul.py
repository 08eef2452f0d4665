"""Matrix product with its own backward. The derivation is in NOTES.md."""

import torch


def sum_to_shape(grad, shape):
    """Undo broadcasting: sum grad over every axis along which a tensor of this shape was repeated."""
    while grad.dim() > len(shape):  # axes that the operand does not have
        grad = grad.sum(0)
    repeated = [axis for axis, size in enumerate(shape) if size == 1 and grad.shape[axis] != 1]
    return grad.sum(repeated, keepdim=True) if repeated else grad


class MatMul(torch.autograd.Function):
    """C = A @ B for A [..., m, k] and B [..., k, n]."""

    @staticmethod
    def forward(A, B):
        return torch.matmul(A, B)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = sum_to_shape(torch.matmul(dC, B.mT), A.shape)  # [..., m, n] @ [..., n, k] = [..., m, k]
        if ctx.needs_input_grad[1]:
            dB = sum_to_shape(torch.matmul(A.mT, dC), B.shape)  # [..., k, m] @ [..., m, n] = [..., k, n]
        return dA, dB
