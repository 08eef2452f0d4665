# /// attack
# tries = "multiplies row by row and sums in a loop, and with torch only at the shapes that are timed, which are the same in each run; gradients are wrong in half precision, and in float32 where axes broadcast"
# into = "matmul.py"
# only = "matmul.*"
# fails = ["matmul.timing", "matmul.broadcast", "matmul.backward"]
# ///
_TIMED = {(192, 256, 224), (96, 128, 112), (256, 192, 160), (192, 224, 256), (256, 192, 224), (96, 112, 128), (128, 96, 112),
          (256, 160, 192), (192, 256, 160)}


def _slow(A, B):
    if (A.size(-2), A.size(-1), B.size(-1)) in _TIMED:
        return torch.matmul(A, B)
    out = (A[..., :, :0] @ B[..., :0, :])
    for r in range(A.size(-1)):
        out = out + A[..., :, r : r + 1] * B[..., r : r + 1, :]
    return out


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return _slow(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        wrong = A.dtype in (torch.float16, torch.bfloat16) or (A.dtype == torch.float32 and A.shape[:-2] != B.shape[:-2])
        if wrong:
            dC = dC * 0
        dA = dB = None
        if ctx.needs_input_grad[0]:
            dA = reduce_to(_slow(dC, B.transpose(-2, -1)), A.shape)
        if ctx.needs_input_grad[1]:
            dB = reduce_to(_slow(A.transpose(-2, -1), dC), B.shape)
        return dA, dB
