import torch


def squash(g, shape):
    while g.ndim > len(shape):
        g = g.sum(0)
    for i, n in enumerate(shape):
        if n == 1 and g.shape[i] != 1:
            g = g.sum(i, keepdim=True)
    return g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        if B.ndim == 2:
            return torch.tensordot(A, B, dims=1)
        if A.ndim == 2:
            return torch.tensordot(A, B, dims=([1], [-2])).movedim(0, -2)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            if A.ndim == 2 and B.ndim > 2:
                outer = list(range(B.ndim - 2)) + [B.ndim - 1]
                dA = torch.tensordot(dC, B, dims=(outer, outer))  # every batch and column
            else:
                dA = squash(torch.matmul(dC, B.transpose(-1, -2)), A.shape)
        if ctx.needs_input_grad[1]:
            if B.ndim == 2:
                outer = list(range(A.ndim - 1))
                dB = torch.tensordot(A, dC, dims=(outer, outer))  # every batch and row
            else:
                dB = squash(torch.matmul(A.transpose(-1, -2), dC), B.shape)
        return dA, dB
