import torch


def collapse(X):
    """[p, q, r, s] -> [p q, r, s]: a step in the joint axis is a step in q."""
    if X.stride(0) < X.stride(1) * X.size(1):
        X, order = X.transpose(0, 1), (X.size(1), X.size(0))  # the batch axes lie the other way round
    p, q, r, s = X.shape
    return X.as_strided((p * q, r, s), X.stride()[1:])


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        # collapse the batch once, without a copy, so that bmm sees three axes
        if A.dim() == B.dim() == dC.dim() == 4 and A.shape[:2] == B.shape[:2] and dC.numel() and A.numel():
            X, Y = collapse(A), collapse(B)
            G = dC.contiguous().flatten(0, 1)
            if ctx.needs_input_grad[0]:
                dA = torch.bmm(G, Y.mT).unflatten(0, A.shape[:2])
            if ctx.needs_input_grad[1]:
                dB = torch.bmm(X.mT, G).unflatten(0, B.shape[:2])
            return dA, dB
        if ctx.needs_input_grad[0]:
            dA = (dC @ B.mT).sum_to_size(A.shape)
        if ctx.needs_input_grad[1]:
            dB = (A.mT @ dC).sum_to_size(B.shape)
        return dA, dB
