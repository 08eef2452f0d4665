import torch


def shrink(grad, shape):
    while grad.dim() > len(shape):
        grad = grad.sum(0)
    for axis, size in enumerate(shape):
        if grad.size(axis) > size:  # stretched in forward
            grad = grad.sum(axis, keepdim=True)
    return grad


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = shrink(dC @ B.transpose(-1, -2), A.shape) if ctx.needs_input_grad[0] else None
        dB = shrink(A.transpose(-1, -2) @ dC, B.shape) if ctx.needs_input_grad[1] else None
        return dA, dB
