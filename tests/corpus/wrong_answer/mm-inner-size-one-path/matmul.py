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
        if A.size(-1) == 1 and A.dim() == B.dim() and A.shape[:-2] == B.shape[:-2]:
            # an outer product: A [m, 1], B [1, n]
            if ctx.needs_input_grad[0]:
                dA = (dC * B).sum(-1, keepdim=True)
            if ctx.needs_input_grad[1]:
                dB = (A * dC).sum(0, keepdim=True)
            return dA, dB
        if ctx.needs_input_grad[0]:
            dA = (dC @ B.mT).sum_to_size(A.shape)
        if ctx.needs_input_grad[1]:
            dB = (A.mT @ dC).sum_to_size(B.shape)
        return dA, dB
