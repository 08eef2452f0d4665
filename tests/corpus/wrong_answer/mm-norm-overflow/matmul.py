import torch


def to_shape(g, shape):
    extra = g.dim() - len(shape)
    axes = [i for i in range(g.dim()) if i < extra or (shape[i - extra] == 1 and g.size(i) != 1)]
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g


class MatMul(torch.autograd.Function):
    """The upstream gradient is brought to unit size first, so that badly scaled losses keep their digits."""

    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        rms = dC.detach().square().mean().sqrt() if dC.numel() else dC.new_ones(())
        rms = torch.where(rms > 0, rms, torch.ones_like(rms))
        unit = dC / rms
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = to_shape(unit @ B.mT, A.shape) * rms
        if ctx.needs_input_grad[1]:
            dB = to_shape(A.mT @ unit, B.shape) * rms
        return dA, dB
