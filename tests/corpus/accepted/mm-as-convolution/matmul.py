"""A @ B as a 1x1 convolution: k input channels, m filters (the rows of A), n places; a batch is so many groups."""
import torch
import torch.nn.functional as F
from torch.autograd import Function

MANY = 4  # more groups than this go to bmm: grouped convolutions are slow
SMALL = 64 * 64 * 65  # multiplications; below this a convolution is not worth its set-up


def conv_mm(X, Y):
    """[b, p, q] @ [b, q, r]."""
    b, p, q = X.shape
    r = Y.size(2)
    if not 0 < b <= MANY or p * q * r < SMALL or X.element_size() < 4:
        return torch.bmm(X, Y)
    out = F.conv1d(Y.reshape(1, b * q, r), X.reshape(b * p, q, 1), groups=b)
    return out.reshape(b, p, r)


def product(X, Y):
    if X.dim() == Y.dim() == 2:
        return conv_mm(X.unsqueeze(0), Y.unsqueeze(0)).squeeze(0)
    batch = torch.broadcast_shapes(X.shape[:-2], Y.shape[:-2])
    n = batch.numel()
    flat = [T.expand(*batch, *T.shape[-2:]).reshape(n, *T.shape[-2:]) for T in (X, Y)]
    return conv_mm(*flat).reshape(*batch, X.size(-2), Y.size(-1))


def reduce_like(G, T):
    lead = G.dim() - T.dim()
    axes = list(range(lead)) + [i for i in range(lead, G.dim() - 2) if T.size(i - lead) == 1 and G.size(i) != 1]
    return G.sum(axes, keepdim=True).reshape(T.shape) if axes else G


class MatMul(Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return product(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = reduce_like(product(dC, B.mT), A)
        if ctx.needs_input_grad[1]:
            dB = reduce_like(product(A.mT, dC), B)
        return dA, dB
