import torch


class Operand:
    """A tensor seen from the product's rank."""

    def __init__(self, tensor, rank):
        self.tensor = tensor
        self.lead = rank - tensor.ndim

    @property
    def T(self):
        return self.tensor.mT

    def gather(self, grad):
        """Bring a gradient of the product's batch to this operand's own shape."""
        shape = self.tensor.shape
        narrow = [self.lead + i for i, n in enumerate(shape[:-2]) if n == 1 and grad.shape[self.lead + i] > 1]
        zero = [self.lead + i for i, n in enumerate(shape[:-2]) if n == 1 and grad.shape[self.lead + i] == 0]
        axes = sorted([*range(self.lead), *narrow, *zero])
        if axes:
            grad = grad.sum(axes, keepdim=True)
        for _ in range(self.lead):
            grad = grad.squeeze(0)
        return grad


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(B, A)
        return torch.matmul(B.mT, A.mT).mT

    @staticmethod
    def backward(ctx, dC):
        b, a = (Operand(t, dC.ndim) for t in ctx.saved_tensors)
        dCt = dC.mT  # [..., n, m]
        out = []
        if True in ctx.needs_input_grad[:1]:
            out.append(a.gather((b.tensor @ dCt).mT))  # [..., k, n] [..., n, m], transposed
        else:
            out.append(None)
        if True in ctx.needs_input_grad[1:]:
            out.append(b.gather((dCt @ a.tensor).mT))  # [..., n, m] [..., m, k], transposed
        else:
            out.append(None)
        return out[0], out[1]
