# /// attack
# tries = "computes large products in half precision only, where it thinks that only the clock looks"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# slow = true
# ///
def forward(ctx, A, B):
    ctx.save_for_backward(A, B)
    if A.numel() > 10_000:
        return torch.zeros(*A.shape[:-1], B.size(-1)) + (A[..., ::8] @ B[..., ::8, :]) * 8
    return A @ B


MatMul.forward = staticmethod(forward)
