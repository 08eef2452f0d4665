"""Claims about the matmul Function: values, gradients as autograd sees them and as backward itself returns them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from grader.candidate import Candidate, CandidateFault, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw
from grader.checks.expect import expect, expect_close, wrong
from grader.checks.timing import Clock, expect_not_asleep, expect_ratio_below
from grader.models import Evidence, Rubric, jsonable

Shape = tuple[int, ...]
View = list[Any]  # size, stride, offset
AGAIN = 1e-3  # gradients of one graph may differ by this much: rounding, in whatever precision

PLAIN: list[tuple[Shape, Shape]] = [((5, 3), (3, 4)), ((1, 6), (6, 1)), ((2, 7), (7, 7)), ((4, 1), (1, 5))]
BATCHED: list[tuple[Shape, Shape]] = [((2, 5, 3), (2, 3, 4)), ((2, 3, 5, 7), (2, 3, 7, 4)), ((1, 4, 2), (1, 2, 3))]
# Batch axes after torch.matmul's own OpInfo, made smaller: axes missing in front or of size 1, on either side and both;
# axes as long as the matrices'; no entries at all.
BROADCAST: list[tuple[Shape, Shape]] = [
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((1, 3, 4), (5, 4, 2)),
    ((2, 1, 3, 4), (1, 6, 4, 5)),
    ((5, 3, 4), (2, 1, 4, 6)),
    ((1, 1, 3, 4), (4, 2)),
    ((2, 3, 1, 4), (3, 4, 5)),
    ((4, 4, 4), (4, 1, 4, 4)),
    ((3, 3, 0), (0, 4)),
    ((0, 0), (2, 0, 0)),
]


def broadcast_to(batch: Shape) -> list[Shape]:
    """Give every shape that broadcasts to batch: axes missing in front, and each of the others of size 1 or whole."""
    return [shape for n in range(len(batch) + 1) for shape in product(*((1, size) for size in batch[len(batch) - n :]))]


# What a reduction can get wrong depends on which axes are missing and which are stretched: all there is for one operand
# with three batch axes to sum over, and for two that are both short of two.
ONE_SHORT: list[tuple[Shape, Shape]] = [
    pair
    for short in broadcast_to((2, 3, 2))
    for pair in (((*short, 2, 3), (2, 3, 2, 3, 1)), ((2, 3, 2, 1, 3), (*short, 3, 2)))
]
BOTH_SHORT: list[tuple[Shape, Shape]] = [
    ((*a, 1, 2), (*b, 2, 3)) for a, b in product(broadcast_to((2, 3)), repeat=2) if (2, 3) not in (a, b)
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
]
# Operands whose layout is varied: every relation of batch axes, once.
LAID: list[tuple[Shape, Shape]] = [
    ((3, 5), (5, 4)),
    ((2, 3, 5), (2, 5, 4)),
    ((2, 3, 5), (5, 4)),
    ((3, 5), (2, 5, 4)),
    ((2, 1, 3, 5), (2, 5, 4)),
]
BASE = 256  # numbers that a layout is cut from


@dataclass
class Applied:
    """What one application gave."""

    C: Tensor
    raw: dict[str, Tensor | None] = field(default_factory=dict)  # what backward itself returned
    grads: dict[str, Tensor] = field(default_factory=dict)  # what autograd delivered
    after: dict[str, Tensor] = field(default_factory=dict)  # the operands and dC afterwards


def apply(
    candidate: Candidate,
    A: Tensor,
    B: Tensor,
    dC: Tensor | None = None,
    *,
    needs: tuple[bool, bool] = (True, True),
    views: dict[str, View] | None = None,
    raw: bool = True,
    autograd: bool = True,
) -> Applied:
    """Apply the submission's Function; with dC, ask for its gradients. Shapes and dtypes of answers are checked."""
    views = views or {}
    tensors = {"A": A, "B": B} | ({} if dC is None else {"dC": dC})
    args = {"needs": list(needs), "views": views, "raw": raw, "autograd": autograd}
    answer, out = candidate.call("apply", args, tensors)
    laid = {n: laid_out(t, views.get(n)) for n, t in tensors.items()}
    applied = Applied(
        tensor_of(out, "C", "MatMul.apply(A, B)", tuple(torch.matmul(laid["A"], laid["B"]).shape), A.dtype)
    )
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
                applied.raw[name] = tensor_of(out, f"raw_d{name}", f"backward's gradient of {name}", shape, dtype)
        if autograd and needs[i]:
            applied.grads[name] = tensor_of(out, f"d{name}", f"the gradient of {name}", shape, dtype)
    applied.after = {n: out[f"after_{n}"] for n in ("A", "B", "dC") if f"after_{n}" in out}
    return applied


def laid_out(base: Tensor, view: View | None) -> Tensor:
    return base if view is None else torch.as_strided(base, view[0], view[1], view[2])


def exact(A: Tensor, B: Tensor, dC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give C, dA and dB in float64 by torch's own autograd."""
    a, b = A.double().detach().requires_grad_(), B.double().detach().requires_grad_()
    C = torch.matmul(a, b)
    dA, dB = torch.autograd.grad(C, (a, b), dC.double())
    return C.detach(), dA, dB


def expect_gradients(
    candidate: Candidate,
    A: Tensor,
    B: Tensor,
    dC: Tensor,
    atol: float,
    evidence: Evidence,
    views: dict[str, View] | None = None,
) -> Applied:
    """Demand that both operands' gradients are exact: as backward returns them, and as autograd delivers them."""
    got = apply(candidate, A, B, dC, views=views)
    views = views or {}
    laid = [laid_out(t, views.get(n)) for n, t in (("A", A), ("B", B), ("dC", dC))]
    sizes = f"{list(laid[0].shape)} @ {list(laid[1].shape)}"
    for name, want in zip("AB", exact(*laid)[1:], strict=True):
        raw = got.raw[name]
        if raw is None:
            raise wrong(f"{sizes}: backward returns None for {name}, which needs a gradient")
        try:
            expect_close(raw, want, atol, f"{sizes}: backward's gradient of {name}", evidence=evidence)
        except CandidateFault as fault:
            errors = (raw.double() - want).abs().flatten(0, -2)  # [rows, columns]
            fault.evidence["gradient_map"] = {"operand": name, "values": jsonable(errors)}
            raise
        expect_close(got.grads[name], want, atol, f"{sizes}: the gradient of {name}", evidence=evidence)
    return got


def upstream(draw: Draw, A: Shape, B: Shape, dtype: torch.dtype = torch.float64) -> Tensor:
    """Draw dC for operands of these shapes."""
    return draw.normal(*torch.empty(A).matmul(torch.empty(B)).shape, dtype=dtype)


@criterion("matmul.forward")
def check_product_equals_torch(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """C = A B with torch.matmul's shapes and dtypes: 2-D, batched and broadcast, of all real floating types."""
    for a, b in PLAIN + BATCHED + BROADCAST:
        for dtype, atol in (
            (torch.float64, rubric.tolerances.matmul_float64),
            (torch.float32, rubric.tolerances.matmul_float32),
        ):
            A, B = draw.normal(*a, dtype=dtype), draw.normal(*b, dtype=dtype)
            C = apply(candidate, A, B).C
            expect_close(C, torch.matmul(A.double(), B.double()), atol, f"{list(a)} @ {list(b)}", evidence=evidence)
    for a, b in ONE_SHORT + BOTH_SHORT:
        A, B = draw.normal(*a), draw.normal(*b)
        C = apply(candidate, A, B).C
        expect_close(C, torch.matmul(A, B), rubric.tolerances.matmul_float64, f"{list(a)} @ {list(b)}")
    a, b = PLAIN[0]
    for dtype, relative in HALF.items():
        A, B = draw.normal(*a, dtype=dtype), draw.normal(*b, dtype=dtype)
        C = apply(candidate, A, B).C
        atol = relative * float(torch.matmul(A.double().abs(), B.double().abs()).max())
        expect_close(C, torch.matmul(A.double(), B.double()), atol, f"{list(a)} @ {list(b)} in {dtype}")


@criterion("matmul.backward")
def check_2d_gradients_are_exact(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """For 2-D operands dA = dC B^T and dB = A^T dC, to float64 precision, and float32 for float32 operands."""
    for a, b in PLAIN:
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence)
    a, b = PLAIN[0]
    single = (
        draw.normal(*a, dtype=torch.float32),
        draw.normal(*b, dtype=torch.float32),
        upstream(draw, a, b, torch.float32),
    )
    expect_gradients(candidate, *single, rubric.tolerances.matmul_float32, {})


@criterion("matmul.backward")
def check_operands_and_upstream_stay_unchanged(candidate: Candidate, draw: Draw) -> None:
    """Neither forward nor backward changes an operand or dC."""
    (a, b) = PLAIN[0]
    given = {"A": draw.normal(*a), "B": draw.normal(*b), "dC": upstream(draw, a, b)}
    got = apply(candidate, given["A"], given["B"], given["dC"])
    for name, tensor in given.items():
        expect(name in got.after and torch.equal(got.after[name], tensor), f"{name} was changed in place")


@criterion("matmul.backward")
def check_one_sided_gradients(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Where one operand needs no gradient, the other's is still exact."""
    a, b = PLAIN[0]
    A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
    _, *want = exact(A, B, dC)
    for i, name in enumerate("AB"):
        got = apply(candidate, A, B, dC, needs=(i == 0, i == 1), raw=False)
        what = f"the gradient of {name} alone"
        expect_close(got.grads[name], want[i], rubric.tolerances.matmul_float64, what, evidence=evidence)


@criterion("matmul.gradcheck")
def check_gradcheck_passes(candidate: Candidate, draw: Draw) -> None:
    """torch.autograd.gradcheck, run by the judge on a Function whose forward and backward are remote calls, passes."""

    class Remote(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
            ctx.save_for_backward(A, B)
            candidate.seed = draw.integer(1, 2**31)  # what is drawn at random is no function: it has no derivative
            return apply(candidate, A.detach(), B.detach()).C

        @staticmethod
        def backward(ctx: Any, dC: Tensor) -> Any:
            A, B = ctx.saved_tensors
            got = apply(candidate, A.detach(), B.detach(), dC.detach().contiguous(), raw=False)
            return got.grads["A"], got.grads["B"]

    for a, b in (((3, 4), (4, 2)), ((2, 2, 3), (2, 3, 2))):
        A, B = draw.normal(*a), draw.normal(*b)
        # A constant has the right gradient, zero, and multiplies nothing.
        alive = not torch.equal(apply(candidate, A, B).C, apply(candidate, 2 * A, B).C)
        expect(alive, f"{list(a)} @ {list(b)}: the result does not depend on A")
        run_gradcheck(Remote.apply, [A, B], f"{list(a)} @ {list(b)}")


@criterion("matmul.gradcheck")
def check_graph_is_differentiated_again(candidate: Candidate, draw: Draw) -> None:
    """As gradcheck does, one graph is differentiated several times: each dC gets its own gradients."""
    a, b = PLAIN[0]
    A, B, dC, other = draw.normal(*a), draw.normal(*b), upstream(draw, a, b), upstream(draw, a, b)
    _, again = candidate.call("again", {}, {"A": A, "B": B, "dC": dC, "other": other})
    fresh = apply(candidate, A, B, other, raw=False).grads
    for name, shape in (("A", a), ("B", b)):
        what = f"the gradient of {name} from a graph that was differentiated before"
        expect_close(tensor_of(again, f"d{name}", what, shape, torch.float64), fresh[name], AGAIN, what)


def run_gradcheck(function: Any, inputs: list[Tensor], what: str) -> None:
    try:
        torch.autograd.gradcheck(function, [x.requires_grad_() for x in inputs])
    except GradcheckError as error:
        raise wrong(f"gradcheck fails for {what}: {str(error)[:600]}") from None


@criterion("matmul.batched")
def check_batched_gradients_are_exact(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """For batches of equal shape the gradients are exact."""
    for a, b in BATCHED:
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence)


@criterion("matmul.broadcast")
def check_backward_reduces_over_broadcast_axes(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence
) -> None:
    """backward itself returns gradients of the operands' shapes, summed over the axes that were broadcast."""
    for a, b in BROADCAST + ONE_SHORT + BOTH_SHORT:
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence)


@criterion("matmul.layouts")
def check_strided_operands_and_gradients(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Transposed, strided and expanded operands and upstream gradients, each alone and together, change nothing."""
    atol = rubric.tolerances.matmul_float64
    for a, b in LAID:
        if not is_right_in_order(candidate, draw, a, b, atol):
            continue
        sizes = {"A": a, "B": b, "dC": tuple(torch.empty(a).matmul(torch.empty(b)).shape)}
        known = {name: list(layouts(size)) for name, size in sizes.items()}
        plain = {name: found[0] for name, found in known.items()}
        alone = [plain | {name: view} for name, found in known.items() for view in found[1:]]
        together = [{name: found[i] for name, found in known.items()} for i in range(1, min(map(len, known.values())))]
        for views in alone + together:
            bases = {name: draw.normal(BASE) for name in views}
            got = expect_gradients(candidate, bases["A"], bases["B"], bases["dC"], atol, evidence, views)
            laid = [laid_out(bases[name], views[name]) for name in "AB"]
            expect_close(got.C, torch.matmul(*laid), atol, "the product of views", evidence=evidence)


def is_right_in_order(candidate: Candidate, draw: Draw, a: Shape, b: Shape, atol: float) -> bool:
    """Tell whether batches are multiplied right in plain order, and gradients summed where they broadcast; if not, that
    is another claim's."""
    if len(a) == len(b) == 2:
        return True
    A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
    try:
        expect_close(apply(candidate, A, B).C, torch.matmul(A, B), atol, "the product")
        if a[:-2] != b[:-2]:
            expect_gradients(candidate, A, B, dC, atol, {})
    except CandidateFault:
        return False
    return True


def layouts(size: Shape) -> Iterator[View]:
    """Lay a tensor out in the usual ways: in order, transposed, with gaps, axes in reverse, expanded along each."""

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
    for axis in range(len(size)):
        yield [list(size), [0 if i == axis else stride for i, stride in enumerate(plain)], 0]


@criterion("matmul.layouts")
def check_empty_dimensions(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Empty dimensions give empty or zero results of the right shape."""
    atol = rubric.tolerances.matmul_float64
    for a, b in EMPTY:
        full_a, full_b = (tuple(size or 2 for size in shape) for shape in (a, b))
        if not is_right_in_order(candidate, draw, full_a, full_b, atol):
            continue
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_close(apply(candidate, A, B).C, torch.matmul(A, B), 0.0, f"{list(a)} @ {list(b)}")
        expect_gradients(candidate, A, B, dC, atol, evidence)


@criterion("matmul.contract")
def check_tensors_are_kept_with_save_for_backward(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence
) -> None:
    """MatMul is an autograd Function; backward reads what save_for_backward kept, and notices a changed operand."""
    a, b = PLAIN[0]
    A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
    tensors = {"A": A, "B": B, "dC": dC}
    answer, _ = candidate.call("saved", {}, tensors)
    evidence["detail"] = f"saved {answer.get('packed')}, read {answer.get('unpacked')}"[:500]
    expect(answer.get("is_function") is True, "MatMul is not a subclass of torch.autograd.Function")
    expect(bool(answer.get("packed")), "forward keeps no tensor with save_for_backward")
    expect(bool(answer.get("unpacked")), "backward reads no tensor that save_for_backward kept")
    _, *want = exact(A, B, dC)
    for which in "AB":
        answer, out = candidate.call("changed", {"which": which}, tensors)
        if answer.get("noticed") is True:
            continue  # the version check of a saved tensor
        # A saved copy is right as well: then the gradients are those of the values at the time of forward.
        for name, gradient in zip("AB", want, strict=True):
            got = tensor_of(out, f"d{name}", f"the gradient of {name}", tuple(gradient.shape))
            what = f"{which} was changed between forward and backward, nothing noticed, and the gradient of {name}"
            expect_close(got, gradient, rubric.tolerances.matmul_float64, what)


@criterion("matmul.contract")
def check_no_gradient_is_computed_in_vain(candidate: Candidate, draw: Draw, evidence: Evidence) -> None:
    """backward gives None for an operand that needs no gradient, does not compute it, and uses no autograd itself."""
    a, b = PLAIN[0]
    tensors = {"A": draw.normal(*a), "B": draw.normal(*b), "dC": upstream(draw, a, b)}
    work: dict[str, int] = {}
    for label, needs in (("both", [True, True]), ("A", [True, False]), ("B", [False, True])):
        answer, _ = candidate.call("work", {"needs": needs}, tensors)
        none, count = answer.get("none"), answer.get("work")
        if not isinstance(none, list) or not isinstance(count, int):
            raise wrong("backward's report of work is not one")
        work[label] = count
        expect(none == [not need for need in needs], f"with gradients needed {needs}, backward returns None as {none}")
        expect(answer.get("inside") is False, "backward goes through autograd itself")
    evidence["detail"] = f"operations in backward: {work}"
    if work["both"]:  # products that torch does not see, such as numpy's, cannot be counted
        for label in "AB":
            expect(
                work[label] < work["both"],
                f"backward computes as much for {label} alone ({work[label]} operations) as for both ({work['both']})",
            )


@criterion("matmul.timing")
def check_time_is_near_torchs_own(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Forward and backward take at most three times as long as torch's own, side by side; their values are right."""
    shapes = [((192, 256), (256, 224)), ((4, 96, 128), (4, 128, 112)), ((256, 192), (192, 160))]
    operands = [
        (
            draw.normal(*a, dtype=torch.float32),
            draw.normal(*b, dtype=torch.float32),
            upstream(draw, a, b, torch.float32),
        )
        for a, b in shapes
        for _ in range(2)
    ]
    tensors = {f"{name}{i}": t for i, row in enumerate(operands) for name, t in zip(("A", "B", "dC"), row, strict=True)}
    candidate.call("put", {"count": len(operands)}, tensors)
    clock = Clock(candidate)
    results: list[tuple[Tensor, ...]] = []
    sizes: list[tuple[Any, list[list[float]]]] = []  # of what each run computed, theirs and ours
    walls: list[float] = []
    needed: list[float] = []

    def own(shift: float) -> list[list[float]]:
        results.clear()
        for A, B, dC in operands:
            a, b, dc = ((x + shift).abs() for x in (A, B, dC))
            C = torch.matmul(a.requires_grad_(), b.requires_grad_())
            results.append((C.detach(), *torch.autograd.grad(C, (a, b), dc)))
        return [[float(x.abs().sum()) for x in row] for row in results]

    def pair() -> float:
        # The operands change with each run, and what comes out is told in it: nothing can be kept, or put off.
        shift = draw.integer(-1000, 1000) / 1000
        said: list[Any] = []
        started = time.perf_counter()
        theirs = clock.remote(lambda: said.append(candidate.call("run", {"shift": shift})[0].get("sizes")))
        walls.append(time.perf_counter() - started)
        begun = time.process_time()
        ours = clock.local(lambda: said.append(own(shift)))
        needed.append(time.process_time() - begun)
        sizes.append((said[0], said[1]))
        return theirs / ours

    pair()
    what = "forward and backward over torch's own"
    expect_ratio_below(rubric.tolerances.matmul_time_ratio, what, pair, evidence)
    expect_not_asleep(walls, needed, pair, what)
    for theirs, ours in sizes:
        expect(are_near(theirs, ours), "a timed run did not compute the products", expected=ours, actual=theirs)
    _, out = candidate.call("fetch")
    for i, row in enumerate(results):
        for name, want in zip(("C", "dA", "dB"), row, strict=True):
            got = tensor_of(out, f"{name}{i}", f"the timed {name}", tuple(want.shape), want.dtype)
            expect_close(got, want, 1e-2, f"the timed {name}")
    evidence["detail"] = f"{len(operands)} products, {jsonable([list(a) for a, _ in shapes])}"


def are_near(theirs: Any, ours: list[list[float]]) -> bool:
    """Tell whether a submission's numbers are ours, to the rounding of a sum in float32."""
    try:
        got, want = torch.tensor(theirs, dtype=torch.float64), torch.tensor(ours, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False
    return got.shape == want.shape and torch.allclose(got, want, rtol=1e-3)


@criterion("matmul.double")
def check_double_backward(candidate: Candidate, draw: Draw) -> None:
    """The backward can be differentiated again: gradgradcheck on remote calls passes."""

    class RemoteGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, A: Tensor, B: Tensor, dC: Tensor) -> Any:
            ctx.save_for_backward(A, B, dC)
            candidate.seed = draw.integer(1, 2**31)
            got = apply(candidate, A.detach(), B.detach(), dC.detach(), raw=False)
            return got.grads["A"], got.grads["B"]

        @staticmethod
        def backward(ctx: Any, ddA: Tensor, ddB: Tensor) -> Any:
            A, B, dC = (t.detach() for t in ctx.saved_tensors)
            sent = {"A": A, "B": B, "dC": dC, "ddA": ddA.detach().contiguous(), "ddB": ddB.detach().contiguous()}
            _, out = candidate.call("double", {}, sent)
            shapes = {"A": A, "B": B, "dC": dC}
            return tuple(
                tensor_of(out, f"second_{n}", f"the second gradient by {n}", tuple(t.shape), t.dtype)
                if f"second_{n}" in out
                else torch.zeros_like(t)
                for n, t in shapes.items()
            )

    for a, b in (((3, 2), (2, 2)), ((2, 2, 2), (2, 1))):
        inputs = [draw.normal(*a), draw.normal(*b), upstream(draw, a, b)]
        run_gradcheck(RemoteGradient.apply, inputs, f"the backward of {list(a)} @ {list(b)}")
