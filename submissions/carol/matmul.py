"""C = A B for matrices and batches of them.

C_ij = sum_r A_ir B_rj, so A_ir meets every C_ij of its row with weight B_rj: dA = dC B^T. Likewise dB = A^T dC.
"""

import torch


def reduce_like(grad, operand):
    """Sum over the batch axes along which operand was broadcast."""
    lead = grad.ndim - operand.ndim
    if lead:
        grad = grad.sum(dim=tuple(range(lead)))
    for axis in range(operand.ndim - 2):
        if operand.shape[axis] == 1 and grad.shape[axis] != 1:
            grad = grad.sum(dim=axis, keepdim=True)
    return grad


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.einsum("...ik,...kj->...ij", A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        grads = [None, None]
        if ctx.needs_input_grad[0]:
            grads[0] = reduce_like(torch.einsum("...ij,...kj->...ik", dC, B), A)
        if ctx.needs_input_grad[1]:
            grads[1] = reduce_like(torch.einsum("...ik,...ij->...kj", A, dC), B)
        return tuple(grads)
