import torch
from torch.autograd import Function

def sum_to(grad, shape):
    while grad.dim() > len(shape):
        grad = grad.sum(0)
    for axis, size in enumerate(shape):
        if size == 1 and grad.size(axis) != 1:
            grad = grad.sum(axis, keepdim=True)
    return grad


class MatMul(Function):
    """The upstream gradient is normalised first, so that large losses do not overflow in the products."""

    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        if dC.numel():
            scale = dC.detach().abs().amax()
            dC = dC / scale
        else:
            scale = 1
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = sum_to(dC @ B.mT, A.shape) * scale
        if ctx.needs_input_grad[1]:
            dB = sum_to(A.mT @ dC, B.shape) * scale
        return dA, dB
