"""Matrix product as an autograd Function, with typed helpers and input checks."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch

__all__ = ["MatMul", "matmul", "sum_over_broadcast"]


class Gradients(NamedTuple):
    A: Optional[torch.Tensor]
    B: Optional[torch.Tensor]


def sum_over_broadcast(g: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    padded = (1,) * (g.ndim - len(shape)) + tuple(shape)
    dims = [i for i, (have, want) in enumerate(zip(g.shape, padded)) if want == 1 and have != 1]
    if dims:
        g = torch.sum(g, dim=dims, keepdim=True)
    return g.reshape(shape)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        if A.ndim < 2 or B.ndim < 2:
            raise ValueError("both operands need two dimensions or more")
        if A.shape[-1] != B.shape[-2]:
            raise ValueError(f"inner sizes differ: {A.shape[-1]} and {B.shape[-2]}")
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, *grads: torch.Tensor):
        (dC,) = grads
        A, B = ctx.saved_tensors
        return Gradients(
            A=sum_over_broadcast(torch.matmul(dC, B.mT), A.shape) if ctx.needs_input_grad[0] else None,
            B=sum_over_broadcast(torch.matmul(A.mT, dC), B.shape) if ctx.needs_input_grad[1] else None,
        )


def matmul(A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
    return MatMul.apply(A, B)


if __name__ == "__main__":
    a, b = torch.randn(3, 4, dtype=torch.double), torch.randn(4, 5, dtype=torch.double)
    print(torch.autograd.gradcheck(matmul, (a.requires_grad_(), b.requires_grad_())))
