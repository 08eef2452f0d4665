import torch

PLANS = {}  # id of the left operand -> axes to sum for each side; worked out once, in forward


def axes_for(shape, batch):
    full = len(batch) + 2
    lead = full - len(shape)
    return [i for i in range(full - 2) if i < lead or (shape[i - lead] == 1 and batch[i] != 1)]


def squash(g, axes, shape):
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        batch = torch.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        ctx.plan = id(A)
        PLANS[ctx.plan] = axes_for(A.shape, batch), axes_for(B.shape, batch)
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        left, right = PLANS[ctx.plan]
        dA = squash(dC @ B.mT, left, A.shape) if ctx.needs_input_grad[0] else None
        dB = squash(A.mT @ dC, right, B.shape) if ctx.needs_input_grad[1] else None
        return dA, dB
