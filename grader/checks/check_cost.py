"""Claims about cost: a cached step against a recompute of its prefix, a product against torch's; never milliseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw, GPTCase
from grader.checks.expect import expect, expect_close
from grader.checks.products import upstream
from grader.checks.remote import RemoteGPT
from grader.checks.timing import FAR, Clock, expect_not_asleep, expect_ratio_below, expect_ratios_below
from grader.models import Evidence, Rubric, jsonable

SHORT = 64
LONG = {1: 1000, 2: 560}  # tokens of a prefix, by rows
WHOLE = 0.8  # of a recompute for each token, the prompt included; one taken in a token at a time comes to 0.3 to 0.5
STEPS = 8  # decode steps timed as one, so that a recompute now and then shows
ROUNDING = 10  # tolerances
MIDDLE = 0.8  # of the operands' sizes, about: products of such as have both signs cannot be summed without being made
SIZES = {"vocab_size": 65, "block_size": 1100, "n_layer": 2, "n_head": 4, "n_embd": 256}


@criterion("cache.cost")
def check_decode_step_is_linear(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """A decode step after a long prefix, of one row or of two, costs far less than a recompute of that prefix, and its
    logits are right."""
    config: dict[str, Any] = SIZES | {"positions": "learned"}
    case = GPTCase(config, draw.weights(config), 2)
    model, reference, clock = RemoteGPT(candidate, case), case.reference(), Clock(candidate)
    prefix = {rows: draw.tokens(case.vocab, 2, length) for rows, length in LONG.items()}
    evidence["cost"] = curve(model, reference, clock, draw.tokens(case.vocab, 1, 4 * SHORT + 2), config)
    told: list[tuple[int, Tensor, Tensor, Tensor]] = []  # rows, prefix and tokens, their logits, and the reference's

    def pair(rows: int) -> float:
        """Decode, each token told after the last one's logits: what is known before can be prepared."""
        tokens, logits = [], []

        def steps(count: int) -> None:
            for _ in range(count):
                tokens.append(torch.tensor([[draw.untold(0, case.vocab - 1)]]).expand(rows, 1))
                logits.append(model.decode(tokens[-1]))

        model.fill(prefix[rows][:rows])
        steps(1)
        theirs = clock.remote(lambda: steps(STEPS)) / STEPS
        whole = torch.cat([prefix[rows][:rows], *tokens], 1)
        ours, known = timed_recompute(clock, reference, whole)
        told.append((rows, whole, torch.cat(logits, 1), known))
        return theirs / ours

    what = "a decode step over a recompute of its prefix"
    pairs: list[Callable[[], float]] = [partial(pair, 1), if_served(partial(pair, 2))]
    expect_ratios_below(rubric.tolerances.decode_cost_ratio, what, pairs, evidence)
    # Asked of another process, which was not told what the timed one said; and of every pair, or some could be wrong.
    candidate.enter("cache", {})
    judge, atol = RemoteGPT(candidate, case), rubric.tolerances.logits_float32
    for rows, whole, logits, known in told:  # of several rows the first: that rows do not mix is another claim
        own = judge.forward(whole[:1])
        expect_close(
            logits[:1], own[:, LONG[rows] :], atol, "a logit of the timed steps", "[b, decoded t, v]", evidence
        )
        expect_no_other_model(candidate, draw, case, own, known[:1], atol)
    rows, whole, *_ = told[0]
    last = [judge.forward(torch.cat([start, whole[:1, LONG[rows] :]], 1))[:, -1] for start in prefix[rows][:, None]]
    expect(not torch.equal(*last), "forward's logits do not depend on the prefix, so a cache has nothing to save")


def timed_recompute(clock: Clock, reference: Any, idx: Tensor) -> tuple[float, Tensor]:
    """Give the seconds that the reference's forward takes for idx [B, T], and its logits [B, T, V]."""
    made: list[Tensor] = []
    with torch.no_grad():
        seconds = clock.local(lambda: made.append(reference(idx)[0]))
    return seconds, made[0]


def expect_no_other_model(
    candidate: Candidate, draw: Draw, case: GPTCase, own: Tensor, known: Tensor, atol: float
) -> None:
    """Fail a model whose forward, own [B, T, V], is not the reference's, known, where it is timed, although it is over
    as many tokens elsewhere. One that is wrong elsewhere, too, has paid for that, and need only agree with itself."""
    if is_near(own, known, atol):
        return
    other = draw.longest(case.config["positions"])
    idx = draw.tokens(other.vocab, 1, min(own.size(1), other.block))
    with torch.no_grad():
        want = other.reference()(idx)[0]
    try:
        same = is_near(RemoteGPT(candidate, other).forward(idx), want, atol)
    except CandidateFault:
        return
    expect(not same, "the model that was timed is not the one that is right elsewhere: its logits are others")


def is_near(logits: Tensor, want: Tensor, atol: float) -> bool:
    """Tell whether logits are the reference's, with room for rounding."""
    return bool(((logits - want).abs() <= ROUNDING * atol).all())


def if_served(pair: Callable[[], float]) -> Callable[[], float]:
    """Let a ratio be 0 where several rows are not served at all: that they are is another claim."""

    def ratio() -> float:
        try:
            return pair()
        except RaisedError:
            return 0.0

    return ratio


def curve(model: RemoteGPT, reference: Any, clock: Clock, idx: Tensor, config: dict[str, Any]) -> Evidence:
    """Measure a cached and an uncached step of the submission, and a cached one of the reference, at three lengths."""
    lengths = [SHORT // 4, SHORT, 4 * SHORT]
    cost: dict[str, list[float]] = {"cached_ms": [], "uncached_ms": [], "reference_ms": []}
    for length in lengths:
        model.fill(idx[:, :length], "curve")
        model.decode(idx[:, length : length + 1], "curve")
        zeros = torch.zeros(1, config["n_head"], length, config["n_embd"] // config["n_head"])
        cache, last = [(zeros, zeros)] * config["n_layer"], idx[:, length + 1 : length + 2]
        cost["cached_ms"].append(clock.remote(partial(model.decode, last, "curve")))
        cost["uncached_ms"].append(clock.remote(partial(model.forward, idx[:, :length])))
        with torch.no_grad():
            cost["reference_ms"].append(clock.local(partial(reference.decode, last, cache)))
    rounded = {name: [round(1e3 * seconds, 3) for seconds in row] for name, row in cost.items()}
    return {"T": jsonable(lengths), **jsonable(rounded), "unit": clock.unit}  # type: ignore[dict-item]


@criterion("cache.cost")
def check_cached_generation_is_linear(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """A token of generate(use_cache=True), of one row or of two, costs far less than a recompute of its prefix, and the
    tokens are right."""
    config: dict[str, Any] = SIZES | {"positions": "rope"}
    case = GPTCase(config, draw.weights(config), 2)
    model, reference, clock = RemoteGPT(candidate, case), case.reference(), Clock(candidate)
    few, often = 2, {1: draw.untold(70, 100), 2: draw.untold(30, 40)}  # new tokens, by rows
    made: list[tuple[int, Tensor, Tensor]] = []  # rows, tokens, and the reference's logits of all but the last of them
    wholes: list[float] = []

    def pair(rows: int) -> float:
        many, length = often[rows], LONG[rows]
        idx, other = (draw.apart().tokens(case.vocab, rows, length) for _ in range(2))
        told: list[Tensor] = []
        long = clock.remote(lambda: told.append(model.generate(other, many, use_cache=True).tokens))
        base, known = timed_recompute(clock, reference, told[0][:, :-1])
        base *= length / (length + many)  # a recompute of the prompt
        made.append((rows, told[0], known))
        wholes.append(long / many / base)
        if wholes[-1] < rubric.tolerances.decode_cost_ratio / FAR:
            return wholes[-1]  # with all that the prompt costs: far below already
        short = clock.remote(lambda: told.append(model.generate(idx, few, use_cache=True).tokens))
        with torch.no_grad():
            made.append((rows, told[1], reference(told[1][:, :-1])[0]))
        return max(0.0, long - short) / (many - few) / base

    warm = draw.tokens(case.vocab, 1, SHORT)
    model.generate(warm, few, use_cache=True)
    what = "a token of cached generation over a recompute"
    pairs: list[Callable[[], float]] = [partial(pair, 1), if_served(partial(pair, 2))]
    expect_ratios_below(rubric.tolerances.decode_cost_ratio, what, pairs, evidence)
    # A short call that wastes as much as a long one needs would hide what a token costs.
    whole = statistics.median(wholes)
    expect(
        whole < WHOLE,
        f"a token of cached generation costs {whole:.3g} of a recompute, the prompt included",
        ratio=round(whole, 4),
        threshold=WHOLE,
    )
    candidate.enter("cache", {})  # another process, which was not told what the timed one said; and of every pair
    judge = RemoteGPT(candidate, case)
    for rows, tokens, known in made:  # of several rows the first: that rows do not mix is another claim
        own = judge.forward(tokens[:1, :-1])
        expect_chosen(own, tokens[:1], LONG[rows])
        expect_no_other_model(candidate, draw, case, own, known[:1], rubric.tolerances.logits_float32)


def expect_chosen(own: Tensor, tokens: Tensor, prompt: int) -> None:
    """Demand that each of the tokens [B, T] after the prompt is among the best of the submission's own forward, whose
    logits over all but the last are own [B, T - 1, V]."""
    logits = own[:, prompt - 1 :]  # [B, new, V]
    chosen = logits.gather(2, tokens[:, prompt:, None])[:, :, 0]
    short = (logits.amax(2) - chosen).max()
    expect(
        bool(short < 1e-3),
        f"a token that was timed is not the greedy one: its logit is {float(short):.3g} below the best",
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
    used: list[float] = []

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
        walls.append(time.perf_counter() - started)
        used.append(theirs)
        ours = clock.local(lambda: said.append(own(shift)))
        sizes.append((said[0], said[1]))
        return theirs / ours

    pair()
    what = "forward and backward over torch's own"
    expect_ratio_below(rubric.tolerances.matmul_time_ratio, what, pair, evidence)
    expect_not_asleep(walls, used, pair, what)
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
