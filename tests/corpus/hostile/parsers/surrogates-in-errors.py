# /// attack
# tries = "errors whose text and type are lone surrogates, NULs and names of a megabyte"
# verdicts = { "matmul.forward" = "runtime_error" }
# slow = true
# ///
def forward(ctx, A, B):
    raise type("E\ud800" + "x" * 1_000_000, (Exception,), {})("\ud800\0\x1b[31m" + "y" * 1_000_000)


MatMul.forward = staticmethod(forward)
