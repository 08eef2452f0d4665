import torch


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = dC @ B.transpose(-2, -1)
        if ctx.needs_input_grad[1]:
            dB = A.transpose(-2, -1) @ dC
        return dA, dB
