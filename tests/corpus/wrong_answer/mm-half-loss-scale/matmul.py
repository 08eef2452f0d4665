import torch

SCALE = 1024.0  # small half-precision gradients would vanish


def _reduce(g, shape):
    while g.dim() > len(shape):
        g = g.sum(0)
    axes = [i for i, s in enumerate(shape) if s == 1 and g.size(i) != 1]
    return g.sum(axes, keepdim=True) if axes else g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        half = dC.dtype == torch.float16
        if half:
            dC = dC * SCALE
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = _reduce(dC @ B.mT, A.shape)
        if ctx.needs_input_grad[1]:
            dB = _reduce(A.mT @ dC, B.shape)
        if half:
            dA = None if dA is None else dA / SCALE
            dB = None if dB is None else dB / SCALE
        return dA, dB
