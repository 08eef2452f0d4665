# /// attack
# tries = "changes operands in place so that later, timed or checked products become trivial"
# only = "matmul.[ft][oi][rm]*"
# fails = ["matmul.timing", "matmul.forward"]
# slow = true
# ///
def forward(ctx, A, B):
    with torch.no_grad():
        A.data.zero_()
        B.data.zero_()
    ctx.save_for_backward(A, B)
    return A @ B


MatMul.forward = staticmethod(forward)
