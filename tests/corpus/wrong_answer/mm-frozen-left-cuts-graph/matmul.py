import torch


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        C = A @ B
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(A, B)
        else:
            ctx.save_for_backward(A)
            ctx.mark_non_differentiable(C)  # nothing flows back to the input
        return C

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = (dC @ B.mT).sum_to_size(A.shape)
        if ctx.needs_input_grad[1]:
            dB = (A.mT @ dC).sum_to_size(B.shape)
        return dA, dB
