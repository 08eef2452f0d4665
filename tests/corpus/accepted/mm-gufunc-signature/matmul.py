"""A tiny gufunc: the product is the signature "mk,kn->mn", and its gradients are signatures derived from it.

To differentiate with respect to a term, swap it with the output: mk <-> mn gives "mn,kn->mk".
"""
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

import torch


@dataclass(frozen=True)
class Signature:
    left: str
    right: str
    out: str

    @classmethod
    def parse(cls, text):
        ins, out = text.split("->")
        return cls(*ins.split(","), out)

    def grad(self, slot):
        if slot == 0:
            return Signature(self.out, self.right, self.left)
        return Signature(self.left, self.out, self.right)

    @property
    def summed(self):
        (letter,) = set(self.left) & set(self.right)
        return letter

    def __call__(self, x, y):
        # bring the summed letter last in x and second to last in y, so that @ does the work
        if self.left[1] != self.summed:
            x = x.mT
        if self.right[0] != self.summed:
            y = y.mT
        z = x @ y
        free = self.left.replace(self.summed, "") + self.right.replace(self.summed, "")
        return z if free == self.out else z.mT


PRODUCT = Signature.parse("mk,kn->mn")


@lru_cache(maxsize=None)
def pulled(slot):
    return PRODUCT.grad(slot)


def unstretch(g, shape):
    pairs = list(zip_longest(reversed(g.shape), reversed(shape), fillvalue=1))
    axes = [-1 - i for i, (have, want) in enumerate(pairs) if have != want]
    if axes:
        g = g.sum(axes, keepdim=True)
    return g.reshape(shape)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *operands):
        ctx.save_for_backward(*operands)
        return PRODUCT(*operands)

    @staticmethod
    def backward(ctx, dC):
        operands = ctx.saved_tensors

        def one(slot):
            terms = [*operands]
            terms[slot] = dC
            return unstretch(pulled(slot)(*terms), operands[slot].shape)

        return tuple(one(slot) if needed else None for slot, needed in enumerate(ctx.needs_input_grad))
