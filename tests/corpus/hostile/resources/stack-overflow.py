# /// attack
# tries = "recurses until the C stack overflows"
# slow = true
# ///
import sys

sys.setrecursionlimit(10**9)


def forward(ctx, A, B):
    def deeper(x):
        return sorted([x], key=lambda y: deeper(y))

    return deeper(A)


MatMul.forward = staticmethod(forward)
