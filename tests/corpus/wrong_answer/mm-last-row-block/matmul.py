import torch

ROWS = 32


def by_rows(x, y):
    m = x.size(-2)
    if m <= ROWS:
        return x @ y
    parts = [x[..., i : i + ROWS, :] @ y for i in range(0, m - 1, ROWS)]
    out = torch.cat(parts, dim=-2)
    short = m - out.size(-2)
    return torch.nn.functional.pad(out, (0, 0, 0, short)) if short else out


def reduce_to(g, shape):
    lead = g.dim() - len(shape)
    axes = list(range(lead)) + [lead + i for i, s in enumerate(shape) if s == 1 and g.shape[lead + i] != 1]
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = reduce_to(by_rows(dC, B.mT), A.shape)
        if ctx.needs_input_grad[1]:
            dB = reduce_to(A.mT @ dC, B.shape)
        return dA, dB
