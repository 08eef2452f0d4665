"""Claims about cost: a cached step against a recompute of its prefix, a product against torch's; never milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import criterion
from grader.checks.cases import LONGEST, Draw, GPTCase
from grader.checks.check_cache import TIE, expect_depends_on, expect_own_choice
from grader.checks.expect import expect, expect_chosen, expect_close
from grader.checks.products import Shape, upstream
from grader.checks.remote import RemoteGPT
from grader.checks.timing import FAR, Clock, expect_not_asleep, expect_ratio_below, expect_ratios_below
from grader.models import Evidence, Rubric, Verdict, jsonable

SHORT = 64
LONG = {1: (700, 920), 2: (400, 560)}  # tokens of a prefix, at the least and at the most, by rows
HALF = {1: 500, 2: 280}  # tokens of a prompt, and as many new ones, where a short continuation does not settle it
STEPS = [1] * 8  # tokens of the decode steps that are timed as one, so that a recompute now and then shows
CHUNKS = 4  # that are timed as one as well, where they are right
ROUNDING = 10  # tolerances
TIMED = ((190, 420), (96, 128), (160, 256))  # sizes of products that are timed, at the least and at the most
TIMED_ATOL = 2e-3  # what a float32 sum of so many products of numbers near 1 may be off; to half precision 1e-2
MIDDLE = 0.8  # of the operands' sizes, about: products of such as have both signs cannot be summed without being made
SIZES = {"vocab_size": 65, "block_size": LONGEST, "n_layer": 2, "n_head": 4}
BY_ROWS = ("gpt.logits", "cache.prefill", "cache.decode", "cache.generate", "cache.batch")  # which ask several rows
VerdictOf = Callable[[str], Verdict | None]


@dataclass(frozen=True, eq=False)
class Timed:
    """A model that is timed, with how many rows, and how many tokens its prefixes have."""

    case: GPTCase
    reference: Any
    rows: int
    length: int

    @classmethod
    def draw(cls, draw: Draw, positions: str, rows: int) -> Timed:
        config: dict[str, Any] = SIZES | {"n_embd": 8 * draw.untold(26, 32), "positions": positions}
        case = GPTCase(config, draw.weights(config), 2)
        return cls(case, case.reference(), rows, draw.untold(*LONG[min(rows, 2)]))


def build(candidate: Candidate, timed: Timed, verdict_of: VerdictOf) -> RemoteGPT:
    """Build a model to be timed: with dropout, which is no reason to recompute, where it rests in eval mode."""
    rests = verdict_of("gpt.mode") is Verdict.accepted
    return RemoteGPT(candidate, timed.case, dropout=0.1 if rests else 0.0)


def either_scheme(draw: Draw) -> list[str]:
    """Give both schemes, in an order that nothing tells before: for one row, and for several."""
    return ["learned", "rope"][:: draw.untold(0, 1) * 2 - 1]


@criterion("cache.cost")
def check_decode_step_is_linear(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, verdict_of: VerdictOf
) -> None:
    """A token decoded after a long prefix, of one row or of several, alone or in a chunk, costs far less than a
    recompute of that prefix, and its logits are right."""
    clock, several = Clock(candidate), draw.untold(2, 4)
    one, more = (Timed.draw(draw, way, rows) for way, rows in zip(either_scheme(draw), (1, several), strict=True))
    prefixes = {timed: draw.tokens(timed.case.vocab, max(2, timed.rows), timed.length) for timed in (one, more)}
    chunks = [draw.untold(2, 3)] * CHUNKS if verdict_of("cache.chunks") is Verdict.accepted else []
    idx = draw.tokens(one.case.vocab, 1, 4 * SHORT + 2)
    evidence["cost"] = curve(RemoteGPT(candidate, one.case), one.reference, clock, idx)
    told: list[tuple[Timed, Tensor, Tensor, Tensor]] = []  # prefix and tokens, their logits, and the reference's

    def pair(timed: Timed) -> float:
        """Decode, each token told after the last one's logits: what is known before can be prepared."""
        model = build(candidate, timed, verdict_of)  # anew: one that raised is gone with its process
        prefix = prefixes[timed][: timed.rows]
        tokens, logits = [], []

        def steps(sizes: list[int]) -> None:
            for size in sizes:
                drawn = [draw.untold(0, timed.case.vocab - 1) for _ in range(size)]
                tokens.append(torch.tensor([drawn]).expand(timed.rows, size))
                logits.append(model.decode(tokens[-1]))

        model.fill(prefix)
        steps([1])
        theirs = [clock.remote(partial(steps, sizes)) / sum(sizes) for sizes in (STEPS, chunks) if sizes]
        whole = torch.cat([prefix, *tokens], 1)
        ours, known = timed_recompute(clock, timed.reference, whole)
        told.append((timed, whole, torch.cat(logits, 1), known))
        return max(theirs) / ours

    what = "a decode step over a recompute of its prefix"
    pairs: list[Callable[[], float]] = [partial(pair, one), if_served(partial(pair, more), verdict_of)]
    expect_ratios_below(rubric.tolerances.decode_cost_ratio, what, pairs, evidence)
    # Asked of another process, which was not told what the timed one said; and of every pair, or some could be wrong.
    candidate.enter("cache", {})
    judges = {timed: RemoteGPT(candidate, timed.case) for timed in (one, more)}
    atol, agreed = rubric.tolerances.logits_float32, True
    for timed, whole, logits, known in told:  # of several rows the first: that rows do not mix is another claim
        own = judges[timed].forward(whole[:1])
        what, after = "a logit of the timed steps", timed.length
        expect_close(logits[:1], own[:, after:], atol, what, "[b, decoded t, v]", evidence)
        agreed &= expect_no_other_model(candidate, draw, timed.case, own, known[:1], atol, verdict_of)
    if agreed:
        return  # the reference's logits depend on the prefix
    timed, whole, *_ = told[0]
    after, starts = timed.length, prefixes[timed][:2, None]  # of two prefixes
    both = [judges[timed].forward(torch.cat([start, whole[:1, after:]], 1))[:, after:] for start in starts]
    expect(not torch.equal(*both), "forward's logits do not depend on the prefix, so a cache has nothing to save")
    expect_depends_on("blocks.*.attn.qkv.weight", judges[timed], draw)


def timed_recompute(clock: Clock, reference: Any, idx: Tensor) -> tuple[float, Tensor]:
    """Give the seconds that the reference's forward takes for idx [B, T], and its logits [B, T, V]."""
    made: list[Tensor] = []
    with torch.no_grad():
        seconds = clock.local(lambda: made.append(reference(idx)[0]))
    return seconds, made[0]


def expect_no_other_model(
    candidate: Candidate, draw: Draw, case: GPTCase, own: Tensor, known: Tensor, atol: float, verdict_of: VerdictOf
) -> bool:
    """Fail a model whose forward, own [B, T, V], is not the reference's, known, where it is timed, although it is
    elsewhere. One that is wrong elsewhere, too, has paid for that, and need only agree with itself.

    Gives whether it is the reference's.
    """
    if is_near(own, known, atol):
        return True
    said = verdict_of("gpt.logits")
    right = is_right_elsewhere(candidate, draw, case, own.size(1), atol) if said is None else said is Verdict.accepted
    expect(not right, "the model that was timed is not the one that is right elsewhere: its logits are others")
    return False


def is_right_elsewhere(candidate: Candidate, draw: Draw, case: GPTCase, length: int, atol: float) -> bool:
    """Ask a small model of the submission for as many tokens, where nothing else was judged."""
    other = draw.longest(case.config["positions"])
    idx = draw.tokens(other.vocab, 1, min(length, other.block))
    with torch.no_grad():
        want = other.reference()(idx)[0]
    try:
        return is_near(RemoteGPT(candidate, other).forward(idx), want, atol)
    except CandidateFault:
        return False


def is_near(logits: Tensor, want: Tensor, atol: float) -> bool:
    """Tell whether logits are the reference's, with room for rounding."""
    return bool(((logits - want).abs() <= ROUNDING * atol).all())


def if_served(pair: Callable[[], float], verdict_of: VerdictOf) -> Callable[[], float]:
    """Let a ratio be 0 where several rows are refused, of a submission that has lost another claim by that."""
    lost = [name for name in BY_ROWS if verdict_of(name) is Verdict.runtime_error]

    def ratio() -> float:
        try:
            return pair()
        except RaisedError:
            if not lost:
                raise
            return 0.0

    return ratio


def curve(model: RemoteGPT, reference: Any, clock: Clock, idx: Tensor) -> Evidence:
    """Measure a cached and an uncached step of the submission, and a cached one of the reference, at three lengths."""
    lengths, config = [SHORT // 4, SHORT, 4 * SHORT], model.case.config
    cost: dict[str, list[float]] = {"cached_ms": [], "uncached_ms": [], "reference_ms": []}
    for length in [lengths[0], *lengths]:  # what comes first pays for what is done once
        model.fill(idx[:, :length], "curve")
        model.decode(idx[:, length : length + 1], "curve")
        zeros = torch.zeros(1, config["n_head"], length, config["n_embd"] // config["n_head"])
        cache, last = [(zeros, zeros)] * config["n_layer"], idx[:, length + 1 : length + 2]
        cost["cached_ms"].append(clock.remote(partial(model.decode, last, "curve")))
        cost["uncached_ms"].append(clock.remote(partial(model.forward, idx[:, :length])))
        with torch.no_grad():
            cost["reference_ms"].append(clock.local(partial(reference.decode, last, cache)))
    rounded = {name: [round(1e3 * seconds, 3) for seconds in row[1:]] for name, row in cost.items()}
    return {"T": jsonable(lengths), **jsonable(rounded), "unit": clock.unit}  # type: ignore[dict-item]


@criterion("cache.cost")
def check_cached_generation_is_linear(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, verdict_of: VerdictOf
) -> None:
    """A token of generate(use_cache=True), of one row or of two, costs far less than a recompute of its prefix, and the
    tokens are right."""
    clock, threshold = Clock(candidate), rubric.tolerances.decode_cost_ratio
    one, two = (Timed.draw(draw, way, rows) for rows, way in enumerate(either_scheme(draw), 1))
    often = {one: draw.untold(70, 100), two: draw.untold(30, 40)}  # new tokens
    made: list[tuple[Timed, int, Tensor, Tensor]] = []  # tokens of a prompt, all tokens, and the reference's logits

    def run(model: RemoteGPT, timed: Timed, length: int, new: int) -> tuple[float, float]:
        """Generate after a prompt: the seconds that it took, and those of a recompute of a token's prefix."""
        prompt = draw.apart().tokens(timed.case.vocab, timed.rows, length)
        told: list[Tensor] = []
        theirs = clock.remote(lambda: told.append(model.generate(prompt, new, use_cache=True).tokens))
        ours, known = timed_recompute(clock, timed.reference, told[0][:, :-1])
        made.append((timed, length, told[0], known))
        return theirs, ours * (length + new / 2) / (length + new)

    def pair(timed: Timed) -> float:
        model = build(candidate, timed, verdict_of)  # anew: one that raised is gone with its process
        model.generate(draw.tokens(timed.case.vocab, 1, SHORT), 2, use_cache=True)
        length, new, half_way = timed.length, often[timed], HALF[timed.rows]
        whole, recompute = run(model, timed, length, new)
        if (ratio := whole / new / recompute) < threshold / FAR:
            return ratio  # with all that the prompt costs: far below already
        # A prompt may be taken in a token at a time. What comes after it may not: fail by that, but pass by the whole.
        half, _ = run(model, timed, length, new // 2)
        if (ratio := (whole - half) / (new - new // 2) / recompute) > threshold:
            return ratio
        # After a prompt as long as what follows, that is two steps for each token.
        whole, recompute = run(model, timed, half_way, half_way)
        return whole / half_way / recompute

    what = "a token of cached generation over a recompute"
    # The shorter first.
    pairs: list[Callable[[], float]] = [if_served(partial(pair, two), verdict_of), partial(pair, one)]
    expect_ratios_below(threshold, what, pairs, evidence)
    candidate.enter("cache", {})  # another process, which was not told what the timed one said; and of every pair
    judges = {timed: RemoteGPT(candidate, timed.case) for timed in (one, two)}
    atol = rubric.tolerances.logits_float32
    for timed, prompt, tokens, known in made:  # of several rows the first: that rows do not mix is another claim
        own = judges[timed].forward(tokens[:1, :-1])
        if verdict_of("cache.generate") is Verdict.accepted:
            expect_own_choice(judges[timed], draw, own, tokens, prompt, "timed generation")
        else:  # tokens that no model chose cost nothing
            expect_chosen(own, tokens[:1], prompt, TIE, "timed generation")
        expect_no_other_model(candidate, draw, timed.case, own, known[:1], atol, verdict_of)


@criterion("matmul.timing")
def check_time_is_near_torchs_own(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """Forward and backward take at most three times as long as torch's own, side by side; their values are right."""
    (m, k, n), (p, q, r), (s, t, u) = ([draw.untold(*between) for _ in range(3)] for between in TIMED)
    products: list[tuple[Shape, Shape, torch.dtype]] = [
        ((m, k), (k, n), torch.float32),
        ((4, p, q), (4, q, r), torch.float32),
        ((s, t), (t, u), torch.float64),
    ]
    operands = [
        (draw.normal(*a, dtype=dtype), draw.normal(*b, dtype=dtype), upstream(draw, a, b, dtype))
        for a, b, dtype in products
        for _ in range(2)
    ]
    tensors = {f"{name}{i}": t for i, row in enumerate(operands) for name, t in zip(("A", "B", "dC"), row, strict=True)}
    candidate.call("put", {"count": len(operands)}, tensors)
    clock = Clock(candidate)
    results: list[tuple[Tensor, ...]] = []
    sizes: list[tuple[Any, list[list[float]]]] = []  # of what each run computed, theirs and ours
    shares: list[tuple[float, float]] = []  # of their time, and of ours, that was spent computing

    def own(shift: float) -> list[list[float]]:
        results.clear()
        for A, B, dC in operands:
            a, b, dc = ((x + shift).abs() - MIDDLE for x in (A, B, dC))
            C = torch.matmul(a.requires_grad_(), b.requires_grad_())
            results.append((C.detach(), *torch.autograd.grad(C, (a, b), dc)))
        return [[float(x.abs().sum()) for x in row] for row in results]

    def pair() -> float:
        # The operands change with each run, and what comes out is told in it: nothing can be kept, or put off.
        shift = draw.untold(-(10**6), 10**6) / 10**6
        said: list[Any] = []
        started = time.perf_counter()
        order = {"shift": shift, "middle": MIDDLE}
        theirs = clock.remote(lambda: said.append(candidate.call("run", order)[0].get("sizes")))
        between = time.perf_counter()
        ours = clock.local(lambda: said.append(own(shift)))
        shares.append((theirs / (between - started), ours / (time.perf_counter() - between)))
        sizes.append((said[0], said[1]))
        return theirs / ours

    pair()
    what = "forward and backward over torch's own"
    expect_ratio_below(rubric.tolerances.matmul_time_ratio, what, pair, evidence)
    expect_not_asleep(shares, pair, what)
    for theirs, ours in sizes:
        expect(are_near(theirs, ours), "a timed run did not compute the products", expected=ours, actual=theirs)
    _, out = candidate.call("fetch")
    for i, row in enumerate(results):
        for name, want in zip(("C", "dA", "dB"), row, strict=True):
            got = tensor_of(out, f"{name}{i}", f"the timed {name}", tuple(want.shape))
            expect_close(got.to(want.dtype), want, TIMED_ATOL, f"the timed {name}")
    evidence["detail"] = f"{len(operands)} products, {jsonable([list(a) for a, *_ in products])}"


def are_near(theirs: Any, ours: list[list[float]]) -> bool:
    """Tell whether a submission's numbers are ours, to the rounding of a sum in float32."""
    try:
        got, want = torch.tensor(theirs, dtype=torch.float64), torch.tensor(ours, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False
    return got.shape == want.shape and torch.allclose(got, want, rtol=1e-3)
