import torch


class MatMul(torch.autograd.Function):
    """Save an operand only where the other one's gradient will ask for it."""

    @staticmethod
    def forward(ctx, A, B):
        need_A, need_B = ctx.needs_input_grad
        ctx.shapes = A.shape, B.shape
        ctx.save_for_backward(A if need_B else None, B if need_A else None)
        return A.matmul(B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        shape_A, shape_B = ctx.shapes
        dA = None if B is None else dC.matmul(B.mT).sum_to_size(shape_A)
        dB = None if A is None else A.mT.matmul(dC).sum_to_size(shape_B)
        return dA, dB
