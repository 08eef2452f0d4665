# /// attack
# tries = "is quick while it thinks that a warm-up or a first look is on, and slow later"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# slow = true
# ///
CALLS = [0]
RIGHT = MatMul.forward


def forward(ctx, A, B):
    CALLS[0] += A.numel() > 10_000
    if CALLS[0] > 6:
        for _ in range(30):
            torch.matmul(A, B)
    return RIGHT(ctx, A, B)


MatMul.forward = staticmethod(forward)
