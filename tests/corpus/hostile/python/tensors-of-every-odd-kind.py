# /// attack
# slow = true
# tries = "gives back tensors that are meta, sparse, quantised, complex, conjugated, named, nested, wrapped, empty of storage, of another dtype or of a lying subclass"
# fails = ["matmul.*"]
# only = "matmul.[fbg]*"
# ///
import itertools as _itertools
import os as _os


class _Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.zeros(1)

    def detach(self):
        return self

    def as_subclass(self, cls):
        return self

    shape = property(lambda self: torch.Size([2**31]))
    dtype = property(lambda self: torch.float64)


def _without_storage(C):
    C = C.clone()
    C.untyped_storage().resize_(0)
    return C


_KINDS = _itertools.cycle((
    lambda C: C.to("meta"),
    lambda C: C.to_sparse(),
    lambda C: torch.quantize_per_tensor(C.float(), 0.1, 0, torch.qint8),
    lambda C: torch.complex(C, C).conj(),
    lambda C: C.reshape(C.numel()).rename("x"),
    lambda C: torch.nested.nested_tensor([C.reshape(-1), C.reshape(-1)]),
    lambda C: C.as_subclass(_Liar),
    _without_storage,
    lambda C: C.bool(),
    lambda C: C.to(torch.float8_e4m3fn),
    lambda C: C.to(torch.uint16),
    lambda C: torch.full_like(C, float("nan")),
    lambda C: C.new_zeros(()).expand(C.shape) * -0.0,
    lambda C: torch.as_strided(C.clone(), (2**20, 2**20), (0, 0)),
    lambda C: torch.zeros_like(C, requires_grad=True),
    lambda C: torch._C._functorch._wrap_for_grad(C + 1, 1),
    lambda C: C.view(torch.int64) if C.numel() and C.dtype == torch.float64 else C + 1,
    lambda C: C.new_empty(C.shape).fill_(5e-324),
))


for _ in range(_os.getpid()):  # another kind first in each process
    next(_KINDS)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return next(_KINDS)(A @ B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        return next(_KINDS)(A * 1), next(_KINDS)(B * 1)
