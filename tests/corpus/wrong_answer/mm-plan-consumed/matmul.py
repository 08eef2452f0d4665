import torch
from torch.autograd import Function


def stretched(own, batch):
    lead = len(batch) - len(own)
    return [i for i in range(len(batch)) if i < lead or (own[i - lead] == 1 and batch[i] != 1)]


class MatMul(Function):
    """Which axes were broadcast is worked out once, in forward; tensors are kept with save_for_backward."""

    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        C = torch.matmul(A, B)
        ctx.axes_A = stretched(A.shape[:-2], C.shape[:-2])
        ctx.axes_B = stretched(B.shape[:-2], C.shape[:-2])
        return C

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = dC @ B.mT
            while ctx.axes_A:
                dA = dA.sum(ctx.axes_A.pop(), keepdim=True)
            dA = dA.reshape(A.shape) if dA.numel() == A.numel() else dA
        if ctx.needs_input_grad[1]:
            dB = A.mT @ dC
            while ctx.axes_B:
                dB = dB.sum(ctx.axes_B.pop(), keepdim=True)
            dB = dB.reshape(B.shape) if dB.numel() == B.numel() else dB
        return dA, dB
