# /// attack
# tries = "takes no processor time and makes everybody wait"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# slow = true
# ///
import time

RIGHT = MatMul.forward


def forward(ctx, A, B):
    time.sleep(0.05)
    return RIGHT(ctx, A, B)


MatMul.forward = staticmethod(forward)
