# /// attack
# tries = "has a process of its own do the slow work, so that its own time is short"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# slow = true
# ///
import os

RIGHT = MatMul.forward


def forward(ctx, A, B):
    if A.numel() > 10_000:
        pid = os.fork()
        if pid == 0:
            for _ in range(30):
                torch.matmul(A.detach(), B.detach())
            os._exit(0)
        os.waitpid(pid, 0)
    return RIGHT(ctx, A, B)


MatMul.forward = staticmethod(forward)
