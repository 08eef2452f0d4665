"""A batched product is a stack of products with one batch axis less: recursion down to bmm."""
from itertools import repeat

import torch


def _peel(x, rank, count):
    """The `count` sub-operands along the leading axis of a product of this rank (an absent or single one is repeated)."""
    if x.dim() < rank:
        return repeat(x, count)
    if x.size(0) == 1:
        return repeat(x[0], count)
    return x.unbind(0)


def product(a, b):
    rank = max(a.dim(), b.dim())
    if rank == 2:
        return a.mm(b)
    lead = {x.size(0) for x in (a, b) if x.dim() == rank}
    if len(lead) == 2:
        if 1 not in lead:
            raise RuntimeError(f"batch axes do not match: {tuple(a.shape)} and {tuple(b.shape)}")
        lead.discard(1)
    count = lead.pop()
    if rank == 3:
        return torch.bmm(a.expand(count, *a.shape[-2:]), b.expand(count, *b.shape[-2:]))
    if count == 0:
        batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return a.new_zeros(*batch, a.size(-2), b.size(-1))
    return torch.stack([product(x, y) for x, y in zip(_peel(a, rank, count), _peel(b, rank, count))])


def gather(g, shape):
    """What the copies of an operand of this shape got, added up; one axis a call."""
    if g.shape == shape:
        return g
    if g.dim() > len(shape):
        return gather(g.sum(0), shape)
    if shape[0] == 1:
        return gather(g.sum(0), shape[1:]).unsqueeze(0)
    if shape[0] == 0:
        return g.new_zeros(shape)
    return torch.stack([gather(x, shape[1:]) for x in g.unbind(0)])


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return product(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return (
            gather(product(dC, B.mT), A.shape) if need_a else None,
            gather(product(A.mT, dC), B.shape) if need_b else None,
        )
