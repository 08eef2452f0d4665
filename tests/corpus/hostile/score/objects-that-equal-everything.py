# /// attack
# tries = "answers with a tensor subclass whose comparisons, differences and norms agree with everything"
# base = "blank"
# slow = true
# ///
import torch


class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("eq", "__eq__", "allclose", "equal", "isfinite", "isclose"):
            return torch.tensor(True)
        if name in ("sub", "__sub__", "abs", "max", "detach", "clone", "cpu"):
            return args[0]
        return super().__torch_function__(func, types, args, kwargs or {})

    def __eq__(self, other):
        return True

    __hash__ = None


def yes(*shape, dtype=None):
    return torch.zeros(*shape, dtype=dtype).as_subclass(Yes)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return yes(*torch.broadcast_shapes(A.shape[:-2], B.shape[:-2]), A.shape[-2], B.shape[-1], dtype=A.dtype)

    @staticmethod
    def backward(ctx, dC):
        return tuple(yes(*x.shape, dtype=x.dtype) for x in ctx.saved_tensors)
