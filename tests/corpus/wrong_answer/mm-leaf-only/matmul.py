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
        # gradients end up in the leaves, so only those are worth the work
        if ctx.needs_input_grad[0] and A.is_leaf:
            dA = (dC @ B.mT).sum_to_size(A.shape)
        if ctx.needs_input_grad[1] and B.is_leaf:
            dB = (A.mT @ dC).sum_to_size(B.shape)
        return dA, dB
