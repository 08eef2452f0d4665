"""Broadcasting as an index map: product p of the batch reads row ia[p] of A and row ib[p] of B.

Forward gathers along the map, backward scatters along it (index_add), so no axis is ever compared or summed.
"""
from math import prod

import torch


def index_map(own, batch):
    """Operand row for every product of the batch, or None if the map is the identity."""
    if own == batch:
        return None
    return torch.arange(prod(own)).reshape(own).expand(batch).reshape(prod(batch))


def fold(X):
    return X.reshape(prod(X.shape[:-2]), X.size(-2), X.size(-1))


def gather(X, rows):
    X = fold(X)
    return X if rows is None else X.index_select(0, rows)


def scatter(G, rows, shape, dtype):
    if rows is not None:
        wide = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
        zeros = torch.zeros(prod(shape[:-2]), shape[-2], shape[-1], dtype=wide, device=G.device)
        G = zeros.index_add(0, rows, G.to(wide)).to(dtype)
    return G.reshape(shape)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        a, b = A.shape[:-2], B.shape[:-2]
        batch = a if a == b else torch.broadcast_shapes(a, b)
        ctx.rows = index_map(A.shape[:-2], batch), index_map(B.shape[:-2], batch)
        ctx.save_for_backward(A, B)
        C = torch.bmm(gather(A, ctx.rows[0]), gather(B, ctx.rows[1]))
        return C.reshape(*batch, A.size(-2), B.size(-1))

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        ia, ib = ctx.rows
        G = fold(dC)
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = scatter(torch.bmm(G, gather(B, ib).mT), ia, A.shape, A.dtype)
        if ctx.needs_input_grad[1]:
            dB = scatter(torch.bmm(gather(A, ia).mT, G), ib, B.shape, B.dtype)
        return dA, dB
