# /// attack
# slow = true
# tries = "gives back views of one buffer that a thread shrinks, grows and rewrites while replies are copied and packed"
# fails = ["matmul.backward", "matmul.gradcheck"]
# keeps = ["gpt.*", "scan.*"]
# only = "matmul.[bg]*"
# ///
import threading as _threading

_buffer = torch.zeros(1 << 16, dtype=torch.float64)


def _move():
    while True:
        for size in (1 << 19, 0, 1 << 22):
            try:
                _buffer.untyped_storage().resize_(size)
                _buffer.data.fill_(size)
            except RuntimeError:
                pass


_threading.Thread(target=_move, daemon=True).start()


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        C = A @ B
        return torch.as_strided(_buffer, C.shape, C.stride()) if C.numel() and C.dtype == torch.float64 else C

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        return torch.as_strided(_buffer, A.shape, A.stride()), torch.as_strided(_buffer, B.shape, B.stride())
