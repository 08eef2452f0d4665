"""backward gives a named pair; a class decorator wraps both methods with argument checks."""
import functools
from typing import NamedTuple, Optional

import torch


class Gradients(NamedTuple):
    dA: Optional[torch.Tensor]
    dB: Optional[torch.Tensor]


def checked(cls):
    """Put argument checks around forward and backward."""
    forward, backward = cls.forward, cls.backward

    @functools.wraps(forward)
    def careful_forward(ctx, A, B):
        if A.dim() < 2 or B.dim() < 2:
            raise ValueError(f"operands need two or more dimensions, not {A.dim()} and {B.dim()}")
        if A.dtype != B.dtype or not A.is_floating_point():
            raise TypeError(f"operands need one real floating type, not {A.dtype} and {B.dtype}")
        if A.size(-1) != B.size(-2):
            raise ValueError(f"inner sizes differ: {tuple(A.shape)} @ {tuple(B.shape)}")
        C = forward(ctx, A, B)
        ctx.expected = C.shape
        return C

    @functools.wraps(backward)
    def careful_backward(ctx, dC):
        if dC.shape != ctx.expected:
            raise ValueError(f"upstream gradient is {tuple(dC.shape)}, the result was {tuple(ctx.expected)}")
        grads = backward(ctx, dC)
        for grad, operand in zip(grads, ctx.saved_tensors):
            assert grad is None or grad.shape == operand.shape
        return grads

    cls.forward, cls.backward = staticmethod(careful_forward), staticmethod(careful_backward)
    return cls


@checked
class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        # An operand without batch axes sees one long matrix: its batch is folded into the rows.
        if ctx.needs_input_grad[0]:
            dA = (dC @ B.mT).sum_to_size(A.shape)
        if ctx.needs_input_grad[1]:
            if B.dim() == 2 < A.dim() and dC.numel() and A.numel():
                dB = A.flatten(0, -2).t() @ dC.flatten(0, -2)
            else:
                dB = (A.mT @ dC).sum_to_size(B.shape)
        return Gradients(dA, dB)
