from __future__ import annotations

import torch


def as_stack(x: torch.Tensor, batch: torch.Size) -> torch.Tensor:
    """[..., p, q] -> [N, p, q], broadcast to the batch."""
    return x.expand(*batch, *x.shape[-2:]).flatten(0, -3)


def batched_product(x, y):
    batch = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    if not batch:
        return x.mm(y)
    out = torch.bmm(as_stack(x, batch), as_stack(y, batch))
    return out.reshape(*batch, *out.shape[-2:])


def collapse(g, shape):
    n = g.dim() - len(shape)
    dims = list(range(n)) + [n + i for i, s in enumerate(shape[:-2]) if s == 1]
    return torch.sum(g, dims, keepdim=True).reshape(shape) if dims else g


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        if B.dim() == 2:
            return torch.tensordot(A, B, dims=1)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        grads = [None, None]
        if ctx.needs_input_grad[0]:
            if B.dim() == 2:  # A has every batch axis, nothing to sum
                grads[0] = torch.tensordot(dC, B, dims=([-1], [-1]))
            elif A.dim() == 2:  # sum over the batch and over j at once
                axes = [a for a in range(dC.dim()) if a != dC.dim() - 2]
                grads[0] = torch.tensordot(dC, B.expand(*dC.shape[:-2], *B.shape[-2:]), dims=(axes, [*axes[:-1], B.dim() - 1]))
            else:
                grads[0] = collapse(batched_product(dC, B.transpose(-2, -1)), A.shape)
        if ctx.needs_input_grad[1]:
            if B.dim() == 2:  # sum over the batch and over i at once
                axes = list(range(dC.dim() - 1))
                grads[1] = torch.tensordot(A, dC, dims=(axes, axes))
            else:
                grads[1] = collapse(batched_product(A.transpose(-2, -1), dC), B.shape)
        return tuple(grads)
