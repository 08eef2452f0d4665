import torch

def reduce_to(g, shape):
    lead = g.dim() - len(shape)
    axes = list(range(lead)) + [lead + i for i, s in enumerate(shape) if s == 1 and g.shape[lead + i] != 1]
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[1]:
            dB = reduce_to(A.mT @ dC, B.shape)
        if ctx.needs_input_grad[0]:
            dA = reduce_to(dC @ B.mT, A.shape)
            if dA.shape == dC.shape and dC.is_contiguous() and not dA.requires_grad:
                dA = dC.copy_(dA)  # dC is not needed any more; give its memory back early
        return dA, dB
