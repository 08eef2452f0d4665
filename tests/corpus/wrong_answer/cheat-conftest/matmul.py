import torch


class MatMul(torch.autograd.Function):
    """Right shapes, nothing but zeros."""

    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        batch = torch.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        return A.new_zeros(*batch, A.shape[-2], B.shape[-1])

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        return torch.zeros_like(A), torch.zeros_like(B)
