"""MatMul: torch.mm, lifted over the batch axes by nested vmap."""
import torch
from torch import vmap
from torch.autograd import Function


def lifted_mm(X, Y):
    """[..., p, q] @ [..., q, r]: every batch axis is one vmap around torch.mm."""
    rank = max(X.dim(), Y.dim()) - 2
    f, first, drop_x, drop_y = torch.mm, 1, [], []
    if min(X.dim(), Y.dim()) > 2 and X.size(-3) == Y.size(-3):
        f, first = torch.bmm, 2  # bmm is what one vmap of mm over both would give
    for i in range(first, rank + 1):  # from the innermost batch axis outwards, counted from the right
        x = X.size(-2 - i) if X.dim() - 2 >= i else None
        y = Y.size(-2 - i) if Y.dim() - 2 >= i else None
        map_x, map_y = x is not None, y is not None
        if map_x and map_y and x != y:
            if x == 1:
                map_x = False
                drop_x.append(-2 - i)
            elif y == 1:
                map_y = False
                drop_y.append(-2 - i)
        f = vmap(f, in_dims=(0 if map_x else None, 0 if map_y else None))
    return f(X.squeeze(drop_x) if drop_x else X, Y.squeeze(drop_y) if drop_y else Y)


def product(X, Y):
    if 0 in X.shape[:-2] or 0 in Y.shape[:-2]:  # nothing to map over
        return torch.matmul(X, Y)
    return lifted_mm(X, Y)


def fold(G, like):
    """Sum the axes of G that `like` does not have, or has with size 1."""
    while G.dim() > len(like):
        G = G.sum(0)
    for i, s in enumerate(like):
        if s == 1 and G.size(i) != 1:
            G = G.sum(i, keepdim=True)
    return G


class MatMul(Function):
    @staticmethod
    def forward(A, B):
        return product(A, B)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        want_A, want_B = ctx.needs_input_grad
        return (
            fold(product(dC, B.transpose(-1, -2)), A.shape) if want_A else None,
            fold(product(A.transpose(-1, -2), dC), B.shape) if want_B else None,
        )
