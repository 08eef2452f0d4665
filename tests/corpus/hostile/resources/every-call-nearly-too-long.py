# /// attack
# tries = "takes nearly as long as a call may in every call, until the part's time is used up"
# verdicts = { "matmul.forward" = "time_limit" }
# slow = true
# ///
import time


def forward(ctx, A, B):
    time.sleep(9)
    return A @ B


MatMul.forward = staticmethod(forward)
