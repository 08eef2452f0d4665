import torch


def same(a, b):
    """X @ X: no need to keep the operand twice."""
    return (
        a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
        and a.shape == b.shape
        and a.stride() == b.stride()
    )


def sum_to(g, shape):
    extra = g.dim() - len(shape)
    axes = [i for i in range(g.dim()) if i < extra or (shape[i - extra] == 1 and g.size(i) != 1)]
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        if same(A, B):
            ctx.save_for_backward(A)
        else:
            ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors[0], ctx.saved_tensors[-1]
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = sum_to(dC @ B.transpose(-2, -1), A.shape)
        if ctx.needs_input_grad[1]:
            dB = sum_to(A.transpose(-2, -1) @ dC, B.shape)
        return dA, dB
