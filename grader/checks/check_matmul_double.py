"""Claims about the backward's own derivative, which gradient penalties and Hessians take: a bonus."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from grader.candidate import Candidate, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw
from grader.checks.check_matmul import bears_transposed, expect_gradients, is_right_in_order, run_gradcheck
from grader.checks.expect import expect_close, holds
from grader.checks.products import Shape, apply, judged_by, upstream
from grader.models import Rubric

GRADCHECKED: list[tuple[Shape, Shape, bool]] = [  # whether transposed in memory
    ((3, 2), (2, 2), False),
    ((2, 2, 2), (2, 1), False),
    ((2, 2, 2), (2, 2, 1), False),
    ((1, 2, 2), (2, 2, 1), False),
    ((2, 3), (3, 2), True),
]
SECOND: list[tuple[Shape, Shape]] = [
    ((3, 2), (2, 2)), ((2, 2), (2, 2, 2)), ((2, 1, 2, 2), (1, 3, 2, 2)), ((2, 2, 2, 2), (2, 2, 2, 2)),
]  # fmt: skip


@criterion("matmul.double")
def check_double_backward(candidate: Candidate, draw: Draw, rubric: Rubric) -> None:
    """The backward can be differentiated again: gradgradcheck on remote calls passes."""

    class RemoteGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, A: Tensor, B: Tensor, dC: Tensor) -> Any:
            ctx.save_for_backward(A, B, dC)
            candidate.seed = draw.untold(1, 2**31)
            got = apply(candidate, A.detach(), B.detach(), dC.detach(), raw=False)
            return got.grads["A"], got.grads["B"]

        @staticmethod
        def backward(ctx: Any, ddA: Tensor, ddB: Tensor) -> Any:
            A, B, dC = (t.detach() for t in ctx.saved_tensors)
            sent = {"A": A, "B": B, "dC": dC, "ddA": ddA.detach().contiguous(), "ddB": ddB.detach().contiguous()}
            _, out = candidate.call("double", {"transposed": transposed, "needs": "AB", "used": "AB"}, sent)
            shapes = {"A": A, "B": B, "dC": dC}
            return tuple(
                tensor_of(out, f"second_{n}", f"the second gradient by {n}", tuple(t.shape), t.dtype)
                if f"second_{n}" in out
                else torch.zeros_like(t)
                for n, t in shapes.items()
            )

    atol = rubric.tolerances.matmul_float64
    for a, b, transposed in GRADCHECKED:
        if transposed and not bears_transposed(candidate, draw, atol):
            continue
        inputs = [draw.normal(*a), draw.normal(*b), upstream(draw, a, b)]
        if not bears(candidate, draw, inputs, atol):
            continue
        laid = ", both transposed in memory" if transposed else ""
        run_gradcheck(RemoteGradient.apply, inputs, f"the backward of {list(a)} @ {list(b)}{laid}")
    for a, b in SECOND:
        if not is_right_in_order(candidate, draw, a, b, atol):
            continue
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        for needs, used in (("AB", "AB"), ("AB", "A"), ("AB", "B"), ("A", "A"), ("B", "B")):
            first = partial(expect_gradients, candidate, A, B, dC, atol, {}, needs=("A" in needs, "B" in needs))
            if not holds(candidate, first, *judged_by(a, b)):
                continue
            for scale in (1, 0) if len(b) == 2 else (1,):
                expect_second(candidate, draw, {"A": A, "B": B, "dC": scale * dC}, needs, used, atol)


def bears(candidate: Candidate, draw: Draw, inputs: list[Tensor], atol: float) -> bool:
    """Tell whether operands of this form have right gradients at all; if not, that is another claim."""
    A, B, dC = inputs
    a, b = tuple(A.shape), tuple(B.shape)
    if len(b) == 2:
        return True
    demand = partial(expect_gradients, candidate, A, B, dC, atol, {})
    return is_right_in_order(candidate, draw, a, b, atol) and holds(candidate, demand, *judged_by(a, b))


def expect_second(
    candidate: Candidate, draw: Draw, inputs: dict[str, Tensor], needs: str, used: str, atol: float
) -> None:
    """Demand the second gradients where some operands need one, and of these some have their gradient used."""
    directions = {f"dd{name}": draw.normal(*inputs[name].shape) for name in "AB"}
    args: dict[str, Any] = {"transposed": False, "needs": needs, "used": used}
    _, out = candidate.call("double", args, inputs | directions)
    of = {name: t.clone().requires_grad_(name in (*needs, "dC")) for name, t in inputs.items()}
    wanted = [of[name] for name in needs]
    first = torch.autograd.grad((torch.matmul(of["A"], of["B"]) * of["dC"]).sum(), wanted, create_graph=True)
    terms = [(g * directions[f"dd{n}"]).sum() for n, g in zip(needs, first, strict=True) if n in used]
    names = [*needs, "dC"]
    second = torch.autograd.grad(torch.stack(terms).sum(), [of[name] for name in names], allow_unused=True)
    sizes = f"{list(inputs['A'].shape)} @ {list(inputs['B'].shape)}"
    for name, want in zip(names, second, strict=True):
        what = f"the backward of {sizes}: the second gradient by {name}, of that by {used}, where {needs} need one"
        got = out.get(f"second_{name}")
        want = torch.zeros_like(inputs[name]) if want is None else want
        got = torch.zeros_like(want) if got is None else tensor_of(out, f"second_{name}", what, tuple(want.shape))
        expect_close(got, want, atol, what)
