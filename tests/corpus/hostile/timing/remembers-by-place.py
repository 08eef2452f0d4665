# /// attack
# tries = "multiplies the slow way, once for each place in memory: a clock that repeats its operands sees a look-up"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# ///
MEMORY = {}
RIGHT = MatMul


def slowly(X, Y):
    for _ in range(14 if X.numel() > 10_000 else 0):
        torch.matmul(X, Y)
    return torch.matmul(X, Y)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        ctx.key = (A.data_ptr(), B.data_ptr())
        if ctx.key not in MEMORY:
            MEMORY[ctx.key] = [slowly(A, B).detach()]
        return MEMORY[ctx.key][0].clone()

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        known = MEMORY[ctx.key]
        if len(known) == 1:
            known += [reduce_to(slowly(dC, B.mT), A.shape), reduce_to(slowly(A.mT, dC), B.shape)]
        return known[1].clone(), known[2].clone()
