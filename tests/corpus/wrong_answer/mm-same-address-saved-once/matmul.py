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
    @staticmethod
    def forward(ctx, A, B):
        if A.numel() and A.data_ptr() == B.data_ptr() and A.shape == B.shape:
            ctx.save_for_backward(A)  # A @ A: one copy is enough
        else:
            ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        saved = ctx.saved_tensors
        A, B = saved[0], saved[-1]
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = sum_to(torch.matmul(dC, B.mT), A.shape)
        if ctx.needs_input_grad[1]:
            dB = sum_to(torch.matmul(A.mT, dC), B.shape)
        return dA, dB
