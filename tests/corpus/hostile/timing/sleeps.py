# /// attack
# tries = "takes no processor time and makes everybody wait"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# slow = true
# ///
import time

RIGHT = MatMul.forward


def forward(ctx, A, B):
    time.sleep(0.1 if A.numel() > 10_000 else 0)  # where it is timed
    return RIGHT(ctx, A, B)


MatMul.forward = staticmethod(forward)
