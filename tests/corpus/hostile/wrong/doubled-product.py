# /// attack
# tries = "nothing: every product is twice what it should be"
# fails = ["matmul.forward"]
# docker = true
# ///
RIGHT = MatMul.forward
MatMul.forward = staticmethod(lambda ctx, A, B: 2 * RIGHT(ctx, A, B))
