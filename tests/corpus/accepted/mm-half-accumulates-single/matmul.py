"""Half precision operands are multiplied and reduced in float32 and rounded once, at the end."""
import logging
import warnings

import torch

log = logging.getLogger(__name__)
HALF = {torch.float16, torch.bfloat16}


def wide(X):
    return X.float() if X.dtype in HALF else X


def narrow(X, like):
    return X if X.dtype == like.dtype else X.to(like.dtype)


def told(what, *tensors):
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s %s", what, [tuple(t.shape) for t in tensors])
    if tensors[0].dtype in HALF:
        warnings.warn("MatMul works in float32 for half precision operands", stacklevel=3)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(A, B):
        told("forward", A, B)
        return narrow(wide(A) @ wide(B), A)

    @staticmethod
    def setup_context(ctx, inputs, output):
        A, B = inputs
        ctx.save_for_backward(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        told("backward", A, B, dC)
        G = wide(dC)
        dA = narrow((G @ wide(B).mT).sum_to_size(A.shape), A) if ctx.needs_input_grad[0] else None
        dB = narrow((wide(A).mT @ G).sum_to_size(B.shape), B) if ctx.needs_input_grad[1] else None
        return dA, dB
