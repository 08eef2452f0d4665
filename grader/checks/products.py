"""The submission's Function as the checks call it, and operands of every shape and layout that it must bear."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, tensor_of
from grader.checks.cases import Draw
from grader.checks.expect import expect

Shape = tuple[int, ...]
View = list[Any]  # size, stride, offset

LARGE: tuple[Shape, Shape] = ((65, 129), (129, 33))
PLAIN: list[tuple[Shape, Shape]] = [
    ((5, 3), (3, 4)),
    ((1, 6), (6, 1)),
    ((2, 7), (7, 7)),
    ((4, 1), (1, 5)),
    ((4, 4), (4, 4)),
    ((190, 300), (300, 210)),
    ((131, 67), (67, 129)),  # larger than any tile; what is left over differs, one row or column too
    LARGE,
    ((1, 100), (100, 3)),  # a row, as one decoded token is
    ((2, 1100), (1100, 3)),
]
# Operands whose layout is varied: every relation of batch axes, once.
LAID_BATCHED: list[tuple[Shape, Shape]] = [((2, 3, 5), (2, 5, 4)), ((2, 3, 3, 4), (2, 3, 4, 2))]
LAID_BROADCAST: list[tuple[Shape, Shape]] = [((2, 3, 5), (5, 4)), ((3, 5), (2, 5, 4)), ((2, 1, 3, 5), (2, 5, 4))]
LAID: list[tuple[Shape, Shape]] = [((3, 5), (5, 4)), *LAID_BATCHED, *LAID_BROADCAST]
BATCHED: list[tuple[Shape, Shape]] = [
    ((2, 5, 3), (2, 3, 4)),
    ((2, 3, 5, 7), (2, 3, 7, 4)),
    ((1, 4, 2), (1, 2, 3)),
    ((2, 3, 2, 4, 3), (2, 3, 2, 3, 2)),
    ((37, 3, 2), (37, 2, 3)),
    ((70, 2, 2), (70, 2, 2)),
    ((3, 33, 17), (3, 17, 65)),
    ((3, 7, 5, 4), (3, 7, 4, 2)),
    ((1, 2, 1, 2, 3, 4), (1, 2, 1, 2, 4, 5)),
    *LAID_BATCHED,
]
# Every way in which sizes are one, or equal to each other and to the batch's.
SMALL: list[tuple[Shape, Shape]] = [((m, k), (k, n)) for m, k, n in product((1, 2, 3), repeat=3)]
SMALL_BATCHED: list[tuple[Shape, Shape]] = [((b, *a), (b, *c)) for b in (1, 2, 3) for a, c in SMALL]
# Every way in which sizes are one, the batch's included: where axes get lost.
ONES: list[tuple[Shape, Shape]] = [
    ((*batch, m, k), (*batch, k, n)) for batch in ((), (1,), (2,)) for m, k, n in product((1, 3), repeat=3)
]
# Batch axes after torch.matmul's own OpInfo, made smaller: axes missing in front or of size 1, on either side and both;
# axes as long as the matrices'.
BROADCAST: list[tuple[Shape, Shape]] = [
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((1, 3, 4), (5, 4, 2)),
    ((2, 1, 3, 4), (1, 6, 4, 5)),
    ((5, 3, 4), (2, 1, 4, 6)),
    ((1, 1, 3, 4), (4, 2)),
    ((2, 3, 1, 4), (3, 4, 5)),
    ((4, 4, 4), (4, 1, 4, 4)),
    ((2, 4, 4), (4, 4)),  # a square that is shared, on either side
    ((4, 4), (2, 4, 4)),
    ((4, 4, 4), (4, 4)),
    ((13, 11, 35), (35, 6)),  # a batch of sequences through one weight, more rows in all than a tile has
    ((11, 35), (13, 35, 6)),
    *LAID_BROADCAST,
]


def broadcast_to(batch: Shape) -> list[Shape]:
    """Give every shape that broadcasts to batch: axes missing in front, and each of the others of size 1 or whole."""
    return [shape for n in range(len(batch) + 1) for shape in product(*((1, size) for size in batch[len(batch) - n :]))]


# What a reduction can get wrong depends on which axes are missing and which are stretched: all there is for one operand
# with three batch axes to sum over, and for two that are both short of two.
ONE_SHORT: list[tuple[Shape, Shape]] = [
    pair
    for short in broadcast_to((2, 3, 2))
    if short != (2, 3, 2)
    for pair in (((*short, 2, 3), (2, 3, 2, 3, 1)), ((2, 3, 2, 1, 3), (*short, 3, 2)))
]
BOTH_SHORT: list[tuple[Shape, Shape]] = [
    ((*a, 1, 2), (*b, 2, 3)) for a, b in product(broadcast_to((2, 3)), repeat=2) if (2, 3) not in (a, b) and a != b
]
HALF = {torch.float16: 2**-7, torch.bfloat16: 2**-4}  # what sums of few products are near to, relative to their terms
# The same for operands without entries: in m, k or n, under batch axes of every relation, or with a batch of none.
EMPTY: list[tuple[Shape, Shape]] = [
    *(
        ((*a, m, k), (*b, k, n))
        for a, b in (((), ()), ((), (2,)), ((2,), ()), ((2,), (2,)), ((1,), (2,)), ((2, 1), (1, 3)))
        for m, k, n in ((0, 3, 4), (3, 0, 4), (3, 4, 0))
    ),
    *(((*a, 2, 3), (*b, 3, 4)) for a, b in (((0,), (0,)), ((0,), ()), ((), (0,)))),
    ((3, 3, 0), (0, 4)),
    ((0, 0), (2, 0, 0)),
]
BASE = 256  # numbers that a layout is cut from


@dataclass
class Applied:
    """What one application gave."""

    C: Tensor
    raw: dict[str, Tensor | None] = field(default_factory=dict)  # what backward itself returned
    grads: dict[str, Tensor] = field(default_factory=dict)  # what autograd delivered


def apply(
    candidate: Candidate,
    A: Tensor,
    B: Tensor,
    dC: Tensor | None = None,
    *,
    needs: tuple[bool, bool] = (True, True),
    views: dict[str, View] | None = None,
    raw: bool = True,
    other: tuple[Tensor, Tensor] | None = None,
) -> Applied:
    """Apply the submission's Function; with dC, ask for its gradients. Shapes and dtypes of answers are checked.

    other operands are multiplied, and differentiated, in between; one of them may be A or B itself. Where B is A, views
    of one memory are multiplied.
    """
    views = views or {}
    tensors = {"A": A, "B": B} | ({} if dC is None else {"dC": dC})
    shared = next((n for n, one, two in zip("AB", (A, B), other or (), strict=False) if one is two), None)
    args = how(tensors, needs=needs, views=views, raw=raw, others=other is not None, shared=shared)
    sent = {name: tensor for name, tensor in tensors.items() if name in args["base"].values()}
    if other is not None:
        sent |= {f"other_{n}": x for n, x in zip("AB", other, strict=True) if n != shared}
    answer, out = candidate.call("apply", args, sent)
    laid = {n: laid_out(t, views.get(n)) for n, t in (("A", A), ("B", B))}
    product = torch.matmul(laid["A"], laid["B"]).shape
    sizes = f"{list(laid['A'].shape)} @ {list(laid['B'].shape)}"
    applied = Applied(tensor_of(out, "C", f"{sizes}: MatMul.apply(A, B)", tuple(product), A.dtype))
    expect(answer.get("requires_grad") is any(needs), "the result's requires_grad is not that of its operands")
    if dC is None:
        return applied
    none = answer.get("raw_none") if raw else None
    for i, name in enumerate("AB"):
        shape, dtype = tuple(laid[name].shape), tensors[name].dtype
        if raw:
            expect(isinstance(none, list) and len(none) == 2, "backward did not return two gradients")
            if none[i]:  # type: ignore[index]
                applied.raw[name] = None
            else:
                applied.raw[name] = tensor_of(
                    out, f"raw_d{name}", f"{sizes}: backward's gradient of {name}", shape, dtype
                )
        if needs[i]:
            applied.grads[name] = tensor_of(out, f"d{name}", f"{sizes}: the gradient of {name}", shape, dtype)
    return applied


def how(tensors: dict[str, Tensor], **changes: Any) -> dict[str, Any]:
    """Say how the worker applies: what each tensor is a view of, which operands need gradients, what it tells."""
    base = {name: "A" if tensor is tensors["A"] else name for name, tensor in tensors.items()}
    usual = {"needs": (True, True), "views": {}, "raw": True, "after": False, "others": False, "shared": None}
    return {"base": base} | usual | changes


def laid_out(base: Tensor, view: View | None) -> Tensor:
    return base if view is None else torch.as_strided(base, view[0], view[1], view[2])


def exact(A: Tensor, B: Tensor, dC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give C, dA and dB in float64 by torch's own autograd."""
    a, b = A.double().detach().requires_grad_(), B.double().detach().requires_grad_()
    C = torch.matmul(a, b)
    dA, dB = torch.autograd.grad(C, (a, b), dC.double())
    return C.detach(), dA, dB


def layouts(size: Shape) -> Iterator[View]:
    """Lay a tensor out in the usual ways: in order, transposed, with gaps, axes in reverse, all or the batch's alone,
    as columns or rows of a wider tensor, expanded along each axis, within each matrix, over the batch, or along all."""

    def in_order(axes: Sequence[int]) -> list[int]:
        strides, step = [0] * len(size), 1
        for axis in reversed(axes):
            strides[axis], step = step, step * size[axis]
        return strides

    *batch, row, column = range(len(size))
    plain = in_order([*batch, row, column])
    yield [list(size), plain, 0]
    yield [list(size), in_order([*batch, column, row]), 0]
    yield [list(size), [2 * stride for stride in plain], 1]
    yield [list(size), in_order([column, row, *batch[::-1]]), 0]
    if len(batch) > 1:
        yield [list(size), in_order([*batch[::-1], row, column]), 0]
    for rows, columns in ((0, 2), (1, 0)):  # that are left out behind each matrix, and behind each of its rows
        wide = [*size[:-2], size[-2] + rows, size[-1] + columns]
        yield [list(size), [math.prod(wide[axis + 1 :]) for axis in range(len(size))], 0]
    every = tuple(range(len(size)))
    for axes in dict.fromkeys([every, *((axis,) for axis in every), (row, column), tuple(batch)]):
        if axes:
            yield [list(size), [0 if axis in axes else stride for axis, stride in enumerate(plain)], 0]


def judged_by(a: Shape, b: Shape) -> tuple[str, ...]:
    """Name the criteria that judge products of such operands in plain order, and their gradients."""
    kind = "backward" if len(a) == len(b) == 2 else "batched" if a[:-2] == b[:-2] else "broadcast"
    return "matmul.forward", f"matmul.{kind}"


def upstream(draw: Draw, A: Shape, B: Shape, dtype: torch.dtype = torch.float64) -> Tensor:
    """Draw dC for operands of these shapes."""
    return draw.normal(*torch.empty(A).matmul(torch.empty(B)).shape, dtype=dtype)


def expect_unchanged(candidate: Candidate, draw: Draw, *more: tuple[Shape, Shape]) -> list[Any]:
    """Demand that operands and dC are what they were, bit by bit; of these shapes, too. Gives which of them torch saw
    written to."""
    written: list[Any] = []
    # One where dC would fit as a buffer for dA; one of many numbers, some of which change by being scaled and back.
    for a, b in (PLAIN[0], ((4, 4), (4, 4)), LARGE, *more):
        for needs in product((True, False), repeat=2):
            given = {"A": draw.normal(*a), "B": draw.normal(*b)} | ({"dC": upstream(draw, a, b)} if any(needs) else {})
            try:
                answer, out = candidate.call("apply", how(given, needs=needs, after=True), given)
            except CandidateFault as fault:
                if all(needs):
                    raise
                candidate.pass_over(fault, *judged_by(a, b))  # whose claim it is that such are multiplied
                continue
            for name, tensor in given.items():
                for when in ("between", "after") if any(needs) else ("between",):
                    kept = out.get(f"{when}_{name}")
                    expect(kept is not None and torch.equal(kept, tensor), f"{name} was changed in place")
            for name in "AB" if any(needs) else "":
                kept = out.get(f"grad_{name}")
                own = kept is not None and torch.equal(kept, torch.ones_like(given[name]))
                expect(own, f"{name}.grad, which is autograd's to gather, was changed")
            told = answer.get("written")
            written += told if isinstance(told, list) else [told]
    return written
