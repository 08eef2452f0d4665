# /// attack
# tries = "gives tensors that compute themselves when somebody looks, after the clock has stopped"
# only = "matmul.[ft][oi][rm]*"
# fails = ["matmul.timing", "matmul.forward"]
# slow = true
# ///
class Lazy(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        args = [x.work() if isinstance(x, Lazy) else x for x in args]
        return func(*args, **(kwargs or {}))


def lazily(A, B):
    out = torch.empty(*torch.broadcast_shapes(A.shape[:-2], B.shape[:-2]), A.size(-2), B.size(-1)).as_subclass(Lazy)
    out.work = lambda: sum(torch.matmul(A[..., i : i + 1], B[..., i : i + 1, :]) for i in range(A.size(-1)))
    return out


MatMul.apply = staticmethod(lazily)
