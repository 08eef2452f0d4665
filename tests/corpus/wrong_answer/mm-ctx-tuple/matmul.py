import torch


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(A, B):
        return A @ B

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.inputs = inputs

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.inputs
        dA = (dC @ B.mT).sum_to_size(A.shape) if ctx.needs_input_grad[0] else None
        dB = (A.mT @ dC).sum_to_size(B.shape) if ctx.needs_input_grad[1] else None
        return dA, dB
