"""Claims about what decoding costs: a cached step against a recompute of its prefix, never milliseconds."""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grader.candidate import Candidate
from grader.checks import criterion
from grader.checks.cases import Draw, GPTCase
from grader.checks.expect import expect, expect_close
from grader.checks.remote import RemoteGPT
from grader.checks.timing import Clock, expect_ratio_below
from grader.models import Evidence, Rubric, jsonable

LONG = 700
WHOLE = 0.8  # of a recompute for each token, the prompt included; one taken in a token at a time comes to 0.3 to 0.5
STEPS = 4  # decode steps timed as one, so that a recompute now and then shows
SIZES = {"vocab_size": 65, "block_size": 832, "n_layer": 2, "n_head": 4, "n_embd": 128}


@criterion("cache.cost")
def check_decode_step_is_linear(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """A decode step after a long prefix costs far less than a recompute of that prefix, and its logits are right."""
    config = SIZES | {"positions": "learned"}
    case = GPTCase(config, draw.weights(config), 1)
    model, reference, clock = RemoteGPT(candidate, case), case.reference(), Clock(candidate)
    idx, late = draw.tokens(case.vocab, 1, LONG), draw.tokens(case.vocab, 1, 2)
    seen = [model.forward(torch.cat([prefix, late], 1))[:, LONG:] for prefix in (idx, (idx + 1) % case.vocab)]
    unmoved = torch.equal(*seen)
    expect(not unmoved, "forward's logits do not depend on the prefix, so there is nothing that a cache could save")
    evidence["cost"] = curve(model, reference, clock, torch.cat([idx, late], 1))
    model.fill(idx)  # after the curve's: that generations do not disturb each other is another claim
    tokens = draw.tokens(case.vocab, 1, case.block - LONG)  # told one at a time: what is known before can be prepared
    got: list[Tensor] = []

    def recompute(length: int) -> None:
        with torch.no_grad():
            reference(idx[:, :length])

    def steps() -> None:
        for _ in range(STEPS):
            got.append(model.decode(tokens[:, len(got) : len(got) + 1]))

    def pair() -> float:
        return clock.remote(steps) / STEPS / clock.local(lambda: recompute(LONG))

    steps()
    recompute(LONG)
    expect_ratio_below(
        rubric.tolerances.decode_cost_ratio, "a decode step over a recompute of its prefix", pair, evidence
    )
    logits = torch.cat(got, dim=1)
    atol = rubric.tolerances.logits_float32
    want = model.forward(torch.cat([idx, tokens[:, : len(got)]], 1))[:, LONG:]
    expect_close(logits, want, atol, "a logit of the timed steps", "[b, decoded t, v]", evidence)


def curve(model: RemoteGPT, reference: Any, clock: Clock, idx: Tensor) -> Evidence:
    """Measure a cached and an uncached step of the submission, and a cached one of the reference, at three lengths."""
    lengths = [64, 256, LONG]
    cost: dict[str, list[float]] = {"cached_ms": [], "uncached_ms": [], "reference_ms": []}
    for length in lengths:
        with torch.no_grad():
            _, cache = reference.prefill(idx[:, :length])
            model.fill(idx[:, :length], "curve")
            model.decode(idx[:, length : length + 1], "curve")
            last, prefix = idx[:, length + 1 : length + 2], idx[:, :length]
            cost["cached_ms"].append(clock.remote(partial(model.decode, last, "curve")) * 1e3)
            cost["uncached_ms"].append(clock.remote(partial(model.forward, prefix)) * 1e3)
            cost["reference_ms"].append(clock.local(partial(reference.decode, last, cache)) * 1e3)
    rounded = {name: [round(ms, 3) for ms in row] for name, row in cost.items()}
    return {"T": jsonable(lengths), **jsonable(rounded), "unit": clock.unit}  # type: ignore[dict-item]


@criterion("cache.cost")
def check_cached_generation_is_linear(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence) -> None:
    """A token of generate(use_cache=True) costs far less than a recompute of its prefix, and the tokens are right."""
    config = SIZES | {"positions": "rope"}
    case = GPTCase(config, draw.weights(config), 1)
    model, reference, clock = RemoteGPT(candidate, case), case.reference(), Clock(candidate)
    few, many = 2, 80
    made: list[Tensor] = []
    wholes: list[float] = []

    def recompute(idx: Tensor) -> None:
        with torch.no_grad():
            reference(idx)

    def pair() -> float:
        idx, other = draw.tokens(case.vocab, 1, LONG), draw.tokens(case.vocab, 1, LONG)
        short = clock.remote(lambda: model.generate(idx, few, use_cache=True))
        base = clock.local(lambda: recompute(idx))
        long = clock.remote(lambda: made.append(model.generate(other, many, use_cache=True).tokens))
        wholes.append(long / many / base)
        return max(0.0, long - short) / (many - few) / base

    warm = draw.tokens(case.vocab, 1, LONG)
    model.generate(warm, few, use_cache=True)
    recompute(warm)
    expect_ratio_below(
        rubric.tolerances.decode_cost_ratio,
        "a token of cached generation over a recompute",
        pair,
        evidence,
        first=3,
        most=12,
    )
    # A short call that wastes as much as a long one needs would hide what a token costs.
    whole = statistics.median(wholes)
    expect(
        whole < WHOLE,
        f"cached generation of {many} tokens, the prompt included, costs {whole:.3g} of a recompute for each",
        ratio=round(whole, 4),
        threshold=WHOLE,
    )
    for tokens in made[:2]:
        expect_chosen(model, tokens)


def expect_chosen(model: RemoteGPT, tokens: Tensor) -> None:
    """Demand that each generated token is among the best of the submission's own forward."""
    logits = model.forward(tokens[:, :-1])[0, LONG - 1 :]  # [new, V]
    chosen = logits.gather(1, tokens[0, LONG:, None])[:, 0]
    short = (logits.amax(1) - chosen).max()
    expect(
        bool(short < 1e-3),
        f"a token that was timed is not the greedy one: its logit is {float(short):.3g} below the best",
    )
