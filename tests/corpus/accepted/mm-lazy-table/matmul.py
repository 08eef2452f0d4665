import torch


def unbroadcast(grad, like):
    missing = grad.ndim - like.ndim
    if missing:
        grad = grad.flatten(0, missing - 1).sum(dim=0) if missing > 1 else grad.sum(dim=0)
    ones = tuple(i for i, s in enumerate(like.shape[:-2]) if s == 1)
    ones = tuple(i for i in ones if grad.shape[i] != 1)
    if ones:
        # to the front, added up there, and back
        front = grad.movedim(ones, tuple(range(len(ones))))
        total = front.flatten(0, len(ones) - 1).sum(dim=0)
        for i in ones:
            total = total.unsqueeze(i)
        grad = total
    return grad


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        if dC is None:
            return None, None
        A, B = ctx.saved_tensors
        rules = (
            lambda: unbroadcast(torch.matmul(dC, B.swapaxes(-1, -2)), A),
            lambda: unbroadcast(torch.matmul(A.swapaxes(-1, -2), dC), B),
        )
        return tuple(rule() if needed else None for rule, needed in zip(rules, ctx.needs_input_grad, strict=True))
