import torch


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if A.shape[:-2] == B.shape[:-2]:
            if ctx.needs_input_grad[0]:
                dA = dC @ B.mT
            if ctx.needs_input_grad[1]:
                dB = A.mT @ dC
        else:
            if ctx.needs_input_grad[0]:
                dA = torch.func.vjp(lambda a: torch.matmul(a, B), A)[1](dC)[0]
            if ctx.needs_input_grad[1]:
                dB = torch.func.vjp(lambda b: torch.matmul(A, b), B)[1](dC)[0]
        return dA, dB
