"""Claims about how the matmul Function works: what it keeps, what it leaves alone, what it does not compute."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw
from grader.checks.expect import expect, expect_close, holds, wrong
from grader.checks.products import (
    BATCHED,
    BROADCAST,
    EMPTY,
    PLAIN,
    Shape,
    apply,
    exact,
    expect_unchanged,
    judged_by,
    upstream,
)
from grader.models import Evidence, Rubric

UNUSUAL: list[tuple[Shape, Shape]] = [
    ((1, 4), (4, 5)), ((3, 1), (1, 5)), ((3, 4), (4, 1)), ((4, 4), (4, 4)), ((2, 1, 4), (2, 4, 5)), ((2, 4, 4), (4, 4)),
    *EMPTY[:3], ((2, 3, 0), (2, 0, 4)), ((0, 2, 3), (0, 3, 4)), ((0, 2, 3), (3, 4)),
]  # fmt: skip


@criterion("matmul.contract")
def check_tensors_are_kept_with_save_for_backward(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence
) -> None:
    """MatMul is an autograd Function; backward computes with what save_for_backward kept, and notices a changed
    operand."""
    for a, b in (PLAIN[0], *BATCHED[:2], *BROADCAST[:2], BROADCAST[4]):
        tensors = {"A": draw.normal(*a), "B": draw.normal(*b), "dC": upstream(draw, a, b)}
        if (a, b) == PLAIN[0] or works(candidate, tensors):  # that batches are multiplied at all is another claim
            expect_kept(candidate, tensors, rubric.tolerances.matmul_float64, evidence)


def expect_kept(candidate: Candidate, tensors: dict[str, Tensor], atol: float, evidence: Evidence) -> None:
    """Demand that the gradients come from what save_for_backward kept, and notice a changed operand."""
    answer, out = candidate.call("saved", {}, tensors)
    evidence.setdefault("detail", f"saved {answer.get('packed')}, read {answer.get('unpacked')}"[:500])
    expect(answer.get("is_function") is True, "MatMul is not a subclass of torch.autograd.Function")
    expect(answer.get("inside") is False, "forward builds a graph: backward is autograd's, not its own")
    expect(bool(answer.get("packed")), "forward keeps no tensor with save_for_backward")
    expect(bool(answer.get("unpacked")), "backward reads no tensor that save_for_backward kept")
    for name in "AB":  # read with other values, they must make other gradients
        kept, other = out.get(f"d{name}"), out.get(f"other_d{name}")
        used = kept is None or other is None or not torch.equal(kept, other)
        expect(used, f"the gradient of {name} does not depend on the tensors that save_for_backward kept")
    _, *want = exact(tensors["A"], tensors["B"], tensors["dC"])
    for which, needs in product("AB", ((True, True), (True, False), (False, True))):
        answer, out = candidate.call("changed", {"which": which, "needs": needs}, tensors)
        if answer.get("noticed") is True:
            continue  # the version check of a saved tensor
        # A saved copy is right as well: then the gradients are those of the values at the time of forward.
        for name, gradient, need in zip("AB", want, needs, strict=True):
            if need:
                got = tensor_of(out, f"d{name}", f"the gradient of {name}", tuple(gradient.shape))
                what = f"{which} was changed between forward and backward, nothing noticed, and the gradient of {name}"
                expect_close(got, gradient, atol, what)


@criterion("matmul.contract")
def check_operands_and_upstream_are_not_written_to(candidate: Candidate, draw: Draw) -> None:
    """Neither forward nor backward writes to an operand or dC, not even to put back later what was there."""
    more = [
        (a, b)
        for a, b in (BATCHED[0], *BROADCAST[:2])
        if works(candidate, {"A": draw.normal(*a), "B": draw.normal(*b), "dC": upstream(draw, a, b)})
    ]
    written = expect_unchanged(candidate, draw, *more)
    names = ", ".join(dict.fromkeys(map(str, written)))
    expect(written == [], f"an in-place operation ran on {names}, or on what shares its memory, if only for a while")


@criterion("matmul.contract")
def check_no_gradient_is_computed_in_vain(candidate: Candidate, draw: Draw, evidence: Evidence) -> None:
    """backward gives None for an operand that needs no gradient, does not compute it, and uses no autograd itself."""
    for a, b in (PLAIN[0], *BATCHED[:2], *BROADCAST[:5]):
        tensors = {"A": draw.normal(*a), "B": draw.normal(*b), "dC": upstream(draw, a, b)}
        work: list[list[int]] = []  # for both and for each alone: what torch saw multiplied, and put out otherwise
        for needs in ([True, True], [True, False], [False, True]):
            try:
                answer, _ = candidate.call("work", {"needs": needs}, tensors)
            except CandidateFault:
                if (a, b) == PLAIN[0] or works(candidate, tensors):
                    raise
                return  # that batches are multiplied at all is another claim
            none, count = answer.get("none"), answer.get("work")
            if not isinstance(none, list) or not isinstance(count, list) or [type(x) for x in count] != [int, int]:
                raise wrong("backward's report of work is not one")
            work.append(count)
            expect_none(none, needs)
            expect(answer.get("inside") is False, "backward goes through autograd itself")
        expect_less_alone(a, b, work, evidence)
    expect_none_of_unusual(candidate, draw)


def expect_less_alone(a: Shape, b: Shape, work: list[list[int]], evidence: Evidence) -> None:
    """Demand that backward computes less for one operand than for both, where what it computes is seen: by its
    products, or else by all that it puts out. Products that torch does not see, such as numpy's, cannot be counted."""
    both, *alone = ([multiplied, multiplied + others] for multiplied, others in work)
    needed = 2 * torch.empty(a).matmul(torch.empty(b)).numel() * a[-1]
    for seen, *one in zip(both, *alone, strict=True):
        if seen >= needed:
            evidence.setdefault("detail", f"numbers computed in backward for both, for A and for B: {[seen, *one]}")
            for name, count in zip("AB", one, strict=True):
                expect(
                    count < seen,
                    f"backward computes as much for {name} alone ({count:,} numbers) as for both ({seen:,})",
                )
            return


def expect_none_of_unusual(candidate: Candidate, draw: Draw) -> None:
    """Demand None, where no gradient is needed, for rows, columns, squares and operands without entries, too."""
    for a, b in UNUSUAL:
        tensors = {"A": draw.normal(*a), "B": draw.normal(*b), "dC": upstream(draw, a, b)}
        if not works(candidate, tensors):
            continue  # that such are multiplied at all is another claim
        for needs in ([True, False], [False, True]):
            expect_none(candidate.call("work", {"needs": needs}, tensors)[0].get("none"), needs)


def expect_none(none: Any, needs: list[bool]) -> None:
    """Demand None exactly where no gradient is needed."""
    expect(none == [not need for need in needs], f"with gradients needed {needs}, backward returns None as {none}")


def works(candidate: Candidate, tensors: dict[str, Tensor]) -> bool:
    """Tell whether these operands are multiplied and differentiated at all, with nobody watching."""
    A, B = tensors["A"], tensors["B"]
    empty = ["matmul.layouts"] * (0 in (A.numel(), B.numel()))
    return holds(candidate, partial(apply, candidate, A, B, tensors["dC"]), *judged_by(A.shape, B.shape), *empty)
