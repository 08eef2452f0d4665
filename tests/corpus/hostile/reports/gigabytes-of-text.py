# /// attack
# tries = "errors of megabytes, a traceback of a thousand frames, in every call"
# slow = true
# ///
def deep(n):
    if n:
        deep(n - 1)
    raise RuntimeError("A" * 50_000_000)


def forward(ctx, A, B):
    deep(900)


MatMul.forward = staticmethod(forward)
