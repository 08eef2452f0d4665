"""C = sum over tiles of A[:, r] B[r, :], the outer-product view of a product."""
import torch

TILE = 128


def wide(X):
    return X.float() if X.dtype in (torch.float16, torch.bfloat16) else X


def outer_sum(A, B):
    dtype, (A, B) = A.dtype, (wide(A), wide(B))
    k = A.shape[-1]
    C = A[..., :TILE] @ B[..., :TILE, :]
    for r in range(TILE, k, TILE):
        C = C + A[..., r : r + TILE] @ B[..., r : r + TILE, :]
    return C.to(dtype)


def _reduce(G, like):
    for _ in range(G.dim() - like.dim()):
        G = G.sum(dim=0)
    for axis, size in enumerate(like.shape[:-2]):
        if size == 1 and G.shape[axis] != 1:
            G = G.sum(dim=axis, keepdim=True)
    return G


class OuterProductMatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return outer_sum(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        out = []
        if ctx.needs_input_grad[0]:
            out.append(_reduce(outer_sum(dC, B.transpose(-2, -1)), A))
        else:
            out.append(None)
        if ctx.needs_input_grad[1]:
            out.append(_reduce(outer_sum(A.transpose(-2, -1), dC), B))
        else:
            out.append(None)
        return tuple(out)


MatMul = OuterProductMatMul
