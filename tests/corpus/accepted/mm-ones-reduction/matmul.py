"""Summing over the broadcast axes is itself a product: a row of ones times the gradients, one a row."""
import math

import torch


def collapse(grad, shape):
    pad = grad.dim() - len(shape)
    full = (1,) * pad + tuple(shape)
    out = [i for i, (g, s) in enumerate(zip(grad.shape, full)) if s == 1 and g != 1]
    if not out:
        return grad.reshape(shape)
    keep = [i for i in range(grad.dim()) if i not in out]
    copies = math.prod(grad.size(i) for i in out)
    each = math.prod(grad.size(i) for i in keep)
    table = grad.permute(*out, *keep).reshape(copies, each)
    return torch.mm(table.new_ones(1, copies), table).reshape(shape)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, left, right):
        ctx.save_for_backward(left, right)
        return left @ right

    @staticmethod
    def backward(ctx, up):
        left, right = ctx.saved_tensors
        grads = [None, None]
        if ctx.needs_input_grad[0]:
            grads[0] = collapse(up @ right.transpose(-1, -2), left.shape)
        if ctx.needs_input_grad[1]:
            grads[1] = collapse(left.transpose(-1, -2) @ up, right.shape)
        return tuple(grads)
