"""MatMul as one instance of a bilinear map f(A, B): a base class knows the calculus, the subclass the three products.

The three products of a bilinear map close under differentiation: each adjoint is bilinear in (dC, other operand).
"""
import abc

import torch


class Bilinear(torch.autograd.Function):
    """Subclasses give product, adjoint_left and adjoint_right; forward and backward are made here."""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)

        def forward(ctx, left, right):
            ctx.set_materialize_grads(False)
            ctx.mark_dirty()
            ctx.mark_non_differentiable()
            ctx.save_for_backward(left, right)
            return cls.product(left, right)

        def backward(ctx, upstream):
            if upstream is None:
                return None, None
            left, right = ctx.saved_tensors
            need = ctx.needs_input_grad
            out = []
            if need[0]:
                out.append(cls.like(cls.adjoint_left(upstream, right), left))
            else:
                out.append(None)
            if need[1]:
                out.append(cls.like(cls.adjoint_right(left, upstream), right))
            else:
                out.append(None)
            return tuple(out)

        cls.forward = staticmethod(forward)
        cls.backward = staticmethod(backward)

    @classmethod
    def like(cls, grad, operand):
        """Undo the stretching of an operand: its own axes, then nothing in front of them."""
        if grad.shape == operand.shape:
            return grad
        while grad.ndim > operand.ndim:
            grad = grad.sum(dim=0)
        keep = [g if g == o else 1 for g, o in zip(grad.shape, operand.shape)]
        return grad.sum_to_size(keep)

    @staticmethod
    @abc.abstractmethod
    def product(left, right): ...


class MatMul(Bilinear):
    @staticmethod
    def product(left, right):
        return left @ right

    @staticmethod
    def adjoint_left(upstream, right):
        return upstream @ right.adjoint()

    @staticmethod
    def adjoint_right(left, upstream):
        return left.adjoint() @ upstream
