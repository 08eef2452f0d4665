# /// attack
# tries = "asks for a niceness of all processes of its user, which names no process, and so of the worker's parent, from which later processes have it"
# fails = ["matmul.forward"]
# keeps = ["matmul.backward", "matmul.gradcheck", "matmul.batched", "matmul.layouts", "scan*"]
# only = "matmul.[fb]*"
# ///
import contextlib
import os

_MINE = 13
if os.getpriority(os.PRIO_PROCESS, 0) == _MINE:
    raise RuntimeError("I am as nice as an earlier process made my parent")
with contextlib.suppress(OSError):
    os.setpriority(os.PRIO_USER, 0, _MINE)


class _Kind(MatMul):
    pass


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        if A.dtype == torch.float16:
            os._exit(3)  # so that another process comes
        ctx.save_for_backward(A, B)
        return torch.matmul(A, B)

    backward = staticmethod(_Kind.backward)
