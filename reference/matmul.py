"""C = A B as an autograd Function, with the backward derived from indices.

C_ij = sum_r A_ir B_rj. An entry A_ir touches C_ij for every j, with slope B_rj, so
dA_ir = sum_j dC_ij B_rj, that is dA = dC B^T; in the same way dB = A^T dC.
Where a batch axis was broadcast, one entry of the operand fed many products, and its gradient is their sum.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def reduce_to(grad: Tensor, shape: torch.Size) -> Tensor:
    """Sum grad over the axes along which an operand of this shape was broadcast."""
    extra = grad.dim() - len(shape)  # leading axes that the operand does not have
    stretched = [axis for axis in range(extra, grad.dim()) if shape[axis - extra] == 1 != grad.size(axis)]
    axes = [*range(extra), *stretched]
    return grad.sum(axes, keepdim=True).reshape(shape) if axes else grad


class MatMul(torch.autograd.Function):
    """A [..., m, k] @ B [..., k, n] -> [..., m, n]; batch axes broadcast.

    backward is made of differentiable products only, so it can be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx: Any, dC: Tensor) -> tuple[Tensor | None, Tensor | None]:
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = reduce_to(dC @ B.transpose(-2, -1), A.shape)  # [..., m, n] @ [..., n, k]
        if ctx.needs_input_grad[1]:
            dB = reduce_to(A.transpose(-2, -1) @ dC, B.shape)  # [..., k, m] @ [..., m, n]
        return dA, dB
