# /// attack
# tries = "in float32 the second gradient of each small batch is the mean over the batch; it is right in two dimensions, and where large products are timed"
# fails = ["matmul.batched", "matmul.broadcast"]
# keeps = ["matmul.forward", "matmul.backward", "matmul.timing"]
# only = "matmul.b*"
# ///
class _Right(MatMul):
    pass


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        dA, dB = _Right.backward(ctx, dC)
        if dB is not None and dC.dtype == torch.float32 and 2 < dC.dim() == dB.dim() and dC.numel() < 5000:
            if dB.shape[:-2] == dC.shape[:-2]:
                dB = dB.mean(0, keepdim=True).expand_as(dB)
        return dA, dB
