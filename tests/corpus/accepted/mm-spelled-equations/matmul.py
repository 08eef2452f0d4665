"""Every product is one einsum whose letters name the axes. i, j, r are the matrix axes.

An operand that is stretched along a batch axis simply lacks that letter, in the product and in its gradient.
"""
import string

import torch

BATCH = [c for c in string.ascii_letters if c not in "ijr"]


class Named:
    """An operand without its stretched axes, the letters of what is left, and the way back to its shape."""

    def __init__(self, x, batch, matrix):
        self.x, self.shape = x, x.shape
        own = x.shape[:-2]
        names = BATCH[len(batch) - len(own) : len(batch)]
        keep = [a for a, size in enumerate(own) if size == batch[len(batch) - len(own) + a]]
        for a in reversed(range(len(own))):
            if a not in keep:
                self.x = self.x.squeeze(a)
        self.letters = "".join(names[a] for a in keep) + matrix


def product(p, q, out):
    return torch.einsum(f"{p.letters},{q.letters}->{out}", p.x, q.x)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        batch = torch.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        ctx.save_for_backward(A, B)
        out = "".join(BATCH[: len(batch)]) + "ij"
        return product(Named(A, batch, "ir"), Named(B, batch, "rj"), out)

    @staticmethod
    def backward(ctx, dC):
        batch = dC.shape[:-2]
        A, B = ctx.saved_tensors
        A, B, C = Named(A, batch, "ir"), Named(B, batch, "rj"), Named(dC, batch, "ij")
        need_a, need_b = ctx.needs_input_grad
        dA = product(C, B, A.letters).reshape(A.shape) if need_a else None
        dB = product(A, C, B.letters).reshape(B.shape) if need_b else None
        return dA, dB
