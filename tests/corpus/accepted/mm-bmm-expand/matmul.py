"""Fold all batch axes into one and use bmm."""

import math

import torch


def fold(x, batch):
    full = x.expand(*batch, *x.shape[-2:])
    return full.reshape(math.prod(batch), *x.shape[-2:])


def shrink(g, shape):
    while g.ndim > len(shape):
        g = g.sum(0)
    for i in range(len(shape) - 2):
        if shape[i] == 1:
            g = g.sum(i, keepdim=True)
    return g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        batch = torch.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        C = torch.bmm(fold(A, batch), fold(B, batch))
        return C.reshape(*batch, A.shape[-2], B.shape[-1])

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        batch = dC.shape[:-2]
        g = fold(dC, batch)
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = torch.bmm(g, fold(B, batch).transpose(1, 2)).reshape(*batch, *A.shape[-2:])
            dA = shrink(dA, A.shape)
        if ctx.needs_input_grad[1]:
            dB = torch.bmm(fold(A, batch).transpose(1, 2), g).reshape(*batch, *B.shape[-2:])
            dB = shrink(dB, B.shape)
        return dA, dB
