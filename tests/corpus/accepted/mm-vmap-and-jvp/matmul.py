"""A Function that also works under vmap and in forward mode."""

import torch


class MatMul(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(A, B):
        return torch.matmul(A, B)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx, tangent_A, tangent_B):
        A, B = ctx.saved_tensors
        return tangent_A @ B + A @ tangent_B

    @staticmethod
    def shrink(grad, shape):
        extra = grad.dim() - len(shape)
        kept = tuple(i + extra for i, size in enumerate(shape) if size == 1 and grad.shape[i + extra] > 1)
        grad = grad.sum(dim=kept, keepdim=True) if kept else grad
        return grad.sum(dim=tuple(range(extra))) if extra else grad

    @classmethod
    def backward(cls, ctx, dC):
        A, B = ctx.saved_tensors
        left, right = ctx.needs_input_grad
        dA = cls.shrink(dC @ B.mT, A.shape) if left else None
        dB = cls.shrink(A.mT @ dC, B.shape) if right else None
        return dA, dB
