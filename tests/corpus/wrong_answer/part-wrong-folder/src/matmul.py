import torch


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = (dC @ B.mT).sum_to_size(A.shape) if ctx.needs_input_grad[0] else None
        dB = (A.mT @ dC).sum_to_size(B.shape) if ctx.needs_input_grad[1] else None
        return dA, dB
