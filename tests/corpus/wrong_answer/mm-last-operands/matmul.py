import torch

def reduce_to(g, shape):
    lead = g.dim() - len(shape)
    axes = list(range(lead)) + [lead + i for i, s in enumerate(shape) if s == 1 and g.shape[lead + i] != 1]
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g


class MatMul(torch.autograd.Function):
    current = None

    @staticmethod
    def forward(ctx, A, B):
        MatMul.current = A.detach(), B.detach()
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = MatMul.current
        sA, sB = (t.shape for t in ctx.saved_tensors)
        if A.shape != sA or B.shape != sB:  # another product ran in between
            A, B = ctx.saved_tensors
        dA = reduce_to(dC @ B.mT, sA) if ctx.needs_input_grad[0] else None
        dB = reduce_to(A.mT @ dC, sB) if ctx.needs_input_grad[1] else None
        return dA, dB
