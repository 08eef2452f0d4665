"""Claims about what the matmul Function computes: values, and gradients as backward and as autograd give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw
from grader.checks.expect import expect, expect_close, holds, wrong
from grader.checks.products import (
    BASE,
    BATCHED,
    BOTH_SHORT,
    BROADCAST,
    EMPTY,
    HALF,
    LAID,
    ONE_SHORT,
    ONES,
    PLAIN,
    SMALL,
    SMALL_BATCHED,
    Applied,
    Shape,
    View,
    apply,
    exact,
    expect_unchanged,
    judged_by,
    laid_out,
    layouts,
    upstream,
)
from grader.models import Evidence, Rubric, jsonable

AGAIN = 1e-3  # gradients of one graph may differ by this much: rounding, in whatever precision
ORDINARY_SUM = 64  # products in a sum, beyond which their rounding counts with their number
ORDINARY = 1e2  # the size of a gradient beyond which its rounding counts relative to it
SIZES = ((1e3, 1e-2, 1e4), (1e-4, 1e2, 1e-3))  # of A, B and dC
GRADCHECK_CHARS = 4000  # of the matrices that gradcheck shows
MAP_ROWS, MAP_COLUMNS = 150, 150  # of errors, that a reader is shown
FAINT = 2.0**-40  # by which numbers are multiplied without rounding, and far below any tolerance
VAST = 2.0**65  # the same, and its square is beyond float32
STEEP = 2.0**8  # the same, and a thousand times as much is beyond float16
RELATIVE = 1e-5  # what a float32 result may be off, relative to the largest of its kind


def expect_gradients(
    candidate: Candidate,
    A: Tensor,
    B: Tensor,
    dC: Tensor,
    atol: float,
    evidence: Evidence,
    views: dict[str, View] | None = None,
    other: tuple[Tensor, Tensor] | None = None,
    needs: tuple[bool, bool] = (True, True),
) -> Applied:
    """Demand that the operands' gradients are exact: as backward returns them, and as autograd delivers them.

    atol is for gradients of ordinary size; for larger ones it grows with them.
    """
    got = apply(candidate, A, B, dC, views=views, other=other, needs=needs)
    views = views or {}
    laid = [laid_out(t, views.get(n)) for n, t in (("A", A), ("B", B), ("dC", dC))]
    sizes = f"{list(laid[0].shape)} @ {list(laid[1].shape)}"
    for name, want, need in zip("AB", exact(*laid)[1:], needs, strict=True):
        if not need:
            continue  # None, or what cannot be asked for: another claim's
        raw = got.raw[name]
        if raw is None:
            raise wrong(f"{sizes}: backward returns None for {name}, which needs a gradient")
        bound = atol * max(1.0, float(want.abs().max()) / ORDINARY) if want.numel() else atol
        try:
            expect_close(raw, want, bound, f"{sizes}: backward's gradient of {name}", evidence=evidence)
        except CandidateFault as fault:
            errors = (raw.double() - want).abs().flatten(0, -2)[:MAP_ROWS, :MAP_COLUMNS]
            fault.evidence["gradient_map"] = {"operand": name, "values": jsonable(errors)}
            raise
        expect_close(got.grads[name], want, bound, f"{sizes}: the gradient of {name}", evidence=evidence)
    return got


def expect_one_of_several(
    candidate: Candidate, draw: Draw, pairs: Sequence[tuple[Shape, Shape]], atol: float, evidence: Evidence
) -> None:
    """Demand that gradients are exact where other products, of the same shapes and of others, are made and
    differentiated in between, and where one operand alone needs a gradient."""
    first, second = pairs
    for (a, b), between in ((first, first), (first, second), (second, first), (second, second)):
        other = draw.normal(*between[0]), draw.normal(*between[1])
        expect_gradients(candidate, draw.normal(*a), draw.normal(*b), upstream(draw, a, b), atol, evidence, other=other)
    for a, b in pairs:
        for needs in ((True, False), (False, True)):
            expect_gradients(
                candidate, draw.normal(*a), draw.normal(*b), upstream(draw, a, b), atol, evidence, needs=needs
            )


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
            bound = atol * max(1.0, a[-1] / ORDINARY_SUM)
            kept = evidence if bound == atol else None  # one number is held against one tolerance
            expect_close(C, torch.matmul(A.double(), B.double()), bound, f"{list(a)} @ {list(b)}", evidence=kept)
    for a, b in ONES + ONE_SHORT + BOTH_SHORT:
        A, B = draw.normal(*a), draw.normal(*b)
        C = apply(candidate, A, B).C
        expect_close(C, torch.matmul(A, B), rubric.tolerances.matmul_float64, f"{list(a)} @ {list(b)}")
    a, b = PLAIN[0]
    A, B, faint = draw.normal(*a), draw.normal(*b), FAINT * rubric.tolerances.matmul_float64
    expect_close(apply(candidate, FAINT * A, B).C, torch.matmul(FAINT * A, B), faint, "the product of small operands")
    expect_close(apply(candidate, 0 * A, B).C, torch.matmul(0 * A, B), 0.0, "the product of zeros")
    what, atol = "the product of operands that need no gradient", rubric.tolerances.matmul_float64
    expect_close(apply(candidate, A, B, needs=(False, False)).C, torch.matmul(A, B), atol, what)
    for a, b in (PLAIN[0], BATCHED[0], *BROADCAST[:2]):
        A, B, other = draw.normal(*a), draw.normal(*b), (draw.normal(*a), draw.normal(*b))
        what = f"{list(a)} @ {list(b)}, when another was made after it,"
        expect_close(apply(candidate, A, B, other=other).C, torch.matmul(A, B), atol, what)
    a, b = PLAIN[0]
    for dtype, relative in HALF.items():
        for c, d in ((a, b), ((3, 40), (40, 4)), *BATCHED[:2], *BROADCAST[:2]):
            A, B = draw.normal(*c, dtype=dtype), draw.normal(*d, dtype=dtype)
            C = apply(candidate, A, B).C
            atol = relative * float(torch.matmul(A.double().abs(), B.double().abs()).max())
            expect_close(C, torch.matmul(A.double(), B.double()), atol, f"{list(c)} @ {list(d)} in {dtype}")
    for scale in (VAST, 1 / VAST):  # which float16 has not
        A, B = draw.normal(*a, dtype=torch.bfloat16), draw.normal(*b, dtype=torch.bfloat16)
        C, what = apply(candidate, scale * A, B).C / scale, f"the product of bfloat16 operands, times {1 / scale:.3g}"
        atol = HALF[torch.bfloat16] * float(torch.matmul(A.double().abs(), B.double().abs()).max())
        expect_close(C, torch.matmul(A.double(), B.double()), atol, what)


@criterion("matmul.backward")
def check_2d_gradients_are_exact(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """For 2-D operands dA = dC B^T and dB = A^T dC, to float64 precision, and float32 for float32 operands."""
    for a, b in PLAIN + SMALL:
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence)
    a, b = PLAIN[0]
    for needs in ((True, True), (True, False), (False, True)):
        expect_single(candidate, draw, rubric.tolerances.matmul_float32, a, b, needs)
    halves = [(dtype, scale, (True, True)) for dtype, scale in (*product(HALF, (1, STEEP)), (torch.bfloat16, VAST))]
    halves += [(dtype, 1, needs) for dtype in HALF for needs in ((True, False), (False, True))]
    for dtype, scale, needs in halves:
        try:
            expect_half(candidate, draw, dtype, a, b, scale, needs)
        except RaisedError:
            if dtype is not torch.bfloat16:  # which numpy, say, does not know
                raise
    expect_one_of_several(candidate, draw, PLAIN[:2], rubric.tolerances.matmul_float64, evidence)


def expect_half(
    candidate: Candidate,
    draw: Draw,
    dtype: torch.dtype,
    a: Shape,
    b: Shape,
    scale: float = 1.0,
    needs: tuple[bool, bool] = (True, True),
) -> None:
    """Demand that gradients of operands of 16 bits are such, and right for their precision."""
    known = partial(apply, candidate, draw.normal(*a, dtype=dtype), draw.normal(*b, dtype=dtype))
    if not holds(candidate, known, "matmul.forward"):
        return
    A, B, dC = draw.normal(*a, dtype=dtype), draw.normal(*b, dtype=dtype), scale * upstream(draw, a, b, dtype)
    _, *sizes = exact(A.abs(), B.abs(), dC.abs())
    atol = HALF[dtype] * max(float(size.max()) for size in sizes)
    expect_gradients(candidate, A, B, dC, atol, {}, needs=needs)


@criterion("matmul.backward")
def check_gradients_of_any_size_are_exact(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Operands and upstream gradients, large, small or zero, have exact gradients, and so has a tensor times itself."""
    a, b = PLAIN[0]
    atol = rubric.tolerances.matmul_float64
    for of_a, of_b, of_dc in SIZES:
        A, B, dC = of_a * draw.normal(*a), of_b * draw.normal(*b), of_dc * upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, atol, {})  # held to what is relative to their size
    for scale in (FAINT, 0.0):
        expect_gradients(candidate, draw.normal(*a), draw.normal(*b), scale * upstream(draw, a, b), scale * atol, {})
    for scale in (VAST, 1 / VAST):
        A, B = draw.normal(*a, dtype=torch.float32), draw.normal(*b, dtype=torch.float32)
        dC = upstream(draw, a, b, torch.float32)
        got, (_, *want) = apply(candidate, A, B, scale * dC), exact(A, B, dC)
        for name, exactly in zip("AB", want, strict=True):
            what, bound = (
                f"the gradient of {name} by dC, both times {1 / scale:.3g}",
                RELATIVE * float(exactly.abs().max()),
            )
            expect_close(got.grads[name] / scale, exactly, bound, what)
    if holds(candidate, partial(expect_parts, candidate, draw, atol, False), "matmul.layouts"):
        expect_parts(candidate, draw, atol, True)
    X, dC = draw.normal(5, 5), draw.normal(5, 5)
    expect_gradients(candidate, X, X, dC, atol, evidence)  # each of the two by itself
    _, dA, dB = exact(X, X, dC)
    expect_square(candidate, X, dC, dA + dB, False, atol, evidence)
    _, dA, dB = exact(X, X.mT, dC)
    if bears_transposed(candidate, draw, atol):
        expect_square(candidate, X, dC, dA + dB.mT, True, atol, evidence)


def expect_parts(candidate: Candidate, draw: Draw, atol: float, of_one: bool) -> None:
    """Demand the gradients of two operands that lie behind one another, each in a memory of its own or in one."""
    A = draw.normal(BASE)
    views: dict[str, View] = {"A": [[4, 4], [4, 1], 0], "B": [[4, 4], [4, 1], 16]}
    expect_gradients(candidate, A, A if of_one else draw.normal(BASE), draw.normal(4, 4), atol, {}, views)


def expect_square(
    candidate: Candidate, X: Tensor, dC: Tensor, want: Tensor, transposed: bool, atol: float, evidence: Evidence
) -> None:
    """Demand the gradient of X, which is multiplied by itself or by itself transposed."""
    _, out = candidate.call("square", {"transposed": transposed}, {"X": X, "dC": dC})
    what = "the gradient of X in X @ " + ("X.mT" if transposed else "X")
    expect_close(tensor_of(out, "dX", what, tuple(X.shape), X.dtype), want, atol, what, evidence=evidence)


def bears_transposed(candidate: Candidate, draw: Draw, atol: float) -> bool:
    """Tell whether transposed operands have exact gradients; if not, that is the claim about layouts."""
    a, b = PLAIN[0]
    views: dict[str, View] = {"A": [list(a), [1, a[0]], 0], "B": [list(b), [1, b[0]], 0]}
    A, B = (draw.normal(math.prod(shape)) for shape in (a, b))
    demand = partial(expect_gradients, candidate, A, B, upstream(draw, a, b), atol, {}, views)
    return holds(candidate, demand, "matmul.layouts")


@criterion("matmul.backward")
def check_operands_and_upstream_stay_unchanged(candidate: Candidate, draw: Draw) -> None:
    """Neither forward nor backward changes an operand or dC, from which other gradients are still to be computed."""
    expect_unchanged(candidate, draw)


@criterion("matmul.gradcheck")
def check_gradcheck_passes(candidate: Candidate, draw: Draw) -> None:
    """torch.autograd.gradcheck, run by the judge on a Function whose forward and backward are remote calls, passes."""

    class Remote(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
            ctx.save_for_backward(A, B)
            candidate.seed = draw.untold(1, 2**31)  # what is drawn at random is no function: it has no derivative
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
    expect_differentiated_again(candidate, draw, *PLAIN[0])


def expect_differentiated_again(candidate: Candidate, draw: Draw, a: Shape, b: Shape) -> None:
    """Demand that one graph gives each of two upstream gradients its own gradients."""
    A, B, dC, other = draw.normal(*a), draw.normal(*b), upstream(draw, a, b), upstream(draw, a, b)
    _, again = candidate.call("again", {}, {"A": A, "B": B, "dC": dC, "other": other})
    fresh = apply(candidate, A, B, other, raw=False).grads
    for name, shape in (("A", a), ("B", b)):
        what = f"the gradient of {name} from a graph that was differentiated before"
        for label in ("raw_d", "d"):  # whose dtype is another claim
            expect_close(tensor_of(again, label + name, what, shape).double(), fresh[name], AGAIN, what)


def sound(candidate: Candidate, draw: Draw) -> Iterator[dict[str, Tensor]]:
    """Draw A, B and dC: plain matrices, and batches that have right gradients; if not, that is another claim."""
    for a, b in (PLAIN[0], BATCHED[0], BROADCAST[1]):
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        demand = partial(expect_gradients, candidate, A, B, dC, AGAIN, {})
        if (a, b) == PLAIN[0] or holds(candidate, demand, *judged_by(a, b)):
            yield {"A": A, "B": B, "dC": dC}


@criterion("matmul.gradcheck")
def check_operands_that_changed_are_multiplied_anew(candidate: Candidate, draw: Draw) -> None:
    """Inputs may change where they lie, as gradcheck and optimizers have it: the next product is of what lies there."""
    for sent in sound(candidate, draw):
        for which in "AB":
            by = draw.normal(*sent[which].shape)
            _, out = candidate.call("nudged", {"which": which}, sent | {"by": by})
            moved = sent | {which: sent[which] + by}
            for name, want in zip(("C", "dA", "dB"), exact(moved["A"], moved["B"], moved["dC"]), strict=True):
                what = f"{name} after {which} was changed in place"
                expect_close(tensor_of(out, name, what, tuple(want.shape)).double(), want, AGAIN, what)


@criterion("matmul.gradcheck")
def check_no_upstream_gradient_gives_none_or_zero(candidate: Candidate, draw: Draw) -> None:
    """As gradcheck tries, where no gradient comes from above, the operands have none, or zero."""
    for sent in sound(candidate, draw):
        _, out = candidate.call("undefined", {}, sent)
        for name in "AB":
            if name in out:
                what, shape = f"the gradient of {name} without one from above", tuple(sent[name].shape)
                expect(not tensor_of(out, name, what, shape, torch.float64).any(), f"{what} is not zero")


def run_gradcheck(function: Any, inputs: list[Tensor], what: str) -> None:
    try:
        torch.autograd.gradcheck(function, [x.requires_grad_() for x in inputs])
    except GradcheckError as error:
        said, _, matrices = str(error).partition("\n")
        text = f"gradcheck fails for {what}: {said.rstrip(',')}"
        raise wrong(text, detail=matrices[:GRADCHECK_CHARS]) from None


@criterion("matmul.batched")
def check_batched_gradients_are_exact(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """For batches of equal shape the gradients are exact."""
    for a, b in BATCHED + SMALL_BATCHED:
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence)
    expect_one_of_several(candidate, draw, BATCHED[:2], rubric.tolerances.matmul_float64, evidence)
    expect_where_plain(candidate, draw, rubric.tolerances.matmul_float32, BATCHED[:3])


def expect_where_plain(candidate: Candidate, draw: Draw, atol: float, shapes: Sequence[tuple[Shape, Shape]]) -> None:
    """Demand of these shapes, of the first two some things only, what holds of plain matrices, where it does."""
    demands: list[tuple[Callable[[Shape, Shape], None], str, Sequence[tuple[Shape, Shape]]]] = [
        (partial(expect_single, candidate, draw, atol), "matmul.backward", shapes),
        (partial(expect_differentiated_again, candidate, draw), "matmul.gradcheck", shapes[:2]),
        (partial(expect_half, candidate, draw, torch.float16), "matmul.backward", shapes[:2]),
    ]
    if not refuses_bfloat16(candidate, draw):
        demands.append((partial(expect_half, candidate, draw, torch.bfloat16), "matmul.backward", shapes[:2]))
    for demand, of_plain, some in demands:
        if holds(candidate, partial(demand, *PLAIN[0]), of_plain):
            for a, b in some:
                demand(a, b)


def refuses_bfloat16(candidate: Candidate, draw: Draw) -> bool:
    """Tell whether plain gradients raise in bfloat16, as nobody minds."""
    try:
        expect_half(candidate, draw, torch.bfloat16, *PLAIN[0])
    except CandidateFault as fault:
        return isinstance(fault, RaisedError)
    return False


@criterion("matmul.broadcast")
def check_backward_reduces_over_broadcast_axes(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence
) -> None:
    """backward itself returns gradients of the operands' shapes, summed over the axes that were broadcast."""
    for a, b in BROADCAST + ONE_SHORT + BOTH_SHORT:
        A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence)
        if (a, b) in BROADCAST:
            for needs in ((True, False), (False, True)):
                expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence, needs=needs)
    expect_one_of_several(candidate, draw, BROADCAST[:2], rubric.tolerances.matmul_float64, evidence)
    one, two = draw.normal(3, 4), draw.normal(4, 5)  # each of which takes part in another product, of other axes
    for A, B, other in ((one, draw.normal(2, 4, 5), (one, two)), (draw.normal(2, 3, 4), two, (one, two))):
        dC = upstream(draw, tuple(A.shape), tuple(B.shape))
        expect_gradients(candidate, A, B, dC, rubric.tolerances.matmul_float64, evidence, other=other)
    expect_where_plain(candidate, draw, rubric.tolerances.matmul_float32, BROADCAST[:8])


def expect_single(
    candidate: Candidate, draw: Draw, atol: float, a: Shape, b: Shape, needs: tuple[bool, bool] = (True, True)
) -> None:
    """Demand that gradients of float32 operands are exact."""
    A, B = draw.normal(*a, dtype=torch.float32), draw.normal(*b, dtype=torch.float32)
    expect_gradients(candidate, A, B, upstream(draw, a, b, torch.float32), atol, {}, needs=needs)


@criterion("matmul.layouts")
def check_strided_operands_and_gradients(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Transposed, strided and expanded operands and upstream gradients, each alone and together, change nothing; nor
    does it when one operand is the other, transposed."""
    atol = rubric.tolerances.matmul_float64
    X, dC = draw.normal(4, 5), draw.normal(4, 4)
    expect_gradients(candidate, X, X, dC, atol, evidence, {"A": [[4, 5], [5, 1], 0], "B": [[5, 4], [1, 5], 0]})
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
        for needs in ((True, False), (False, True)):
            bases = {name: draw.normal(BASE) for name in together[0]}
            one_sided = partial(expect_gradients, candidate, bases["A"], bases["B"], bases["dC"], atol, needs=needs)
            if holds(candidate, partial(one_sided, {}, plain), *judged_by(a, b)):
                one_sided(evidence, together[0])


def is_right_in_order(candidate: Candidate, draw: Draw, a: Shape, b: Shape, atol: float) -> bool:
    """Tell whether batches are multiplied right in plain order, and gradients summed where they broadcast; if not, that
    is another claim's."""
    A, B, dC = draw.normal(*a), draw.normal(*b), upstream(draw, a, b)

    def demand() -> None:
        expect_close(apply(candidate, A, B).C, torch.matmul(A, B), atol, "the product")
        if a[:-2] != b[:-2] or len(a) > 3:
            expect_gradients(candidate, A, B, dC, atol, {})

    return len(a) == len(b) == 2 or holds(candidate, demand, *judged_by(a, b))


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
