import torch
from torch.autograd import Function

def unbroadcast(grad, shape):
    extra = grad.dim() - len(shape)
    axes = list(range(extra)) + [i for i in range(extra, grad.dim()) if shape[i - extra] == 1 and grad.size(i) != 1]
    return grad.sum(axes, keepdim=True).reshape(shape) if axes else grad


def product(X, Y):
    if Y.size(-1) == 1 and X.size(-1) == Y.size(-2):
        # matrix times column: multiply each row by it and add up, cheaper than a GEMM
        return (X * Y.squeeze().unsqueeze(-2)).sum(-1, keepdim=True)
    return torch.matmul(X, Y)


class MatMul(Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return product(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = unbroadcast(torch.matmul(dC, B.mT), A.shape)
        if ctx.needs_input_grad[1]:
            dB = unbroadcast(torch.matmul(A.mT, dC), B.shape)
        return dA, dB
