"""Claims about the repaired model's forward pass, its loss and its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import both_schemes, criterion
from grader.checks.cases import LONGEST, Draw, GPTCase
from grader.checks.expect import attempt, expect, expect_before, expect_close, expect_finite, holds, presupposing, wrong
from grader.checks.remote import RemoteGPT, Targets
from grader.models import Evidence, Rubric, jsonable

Once = Callable[[Any, Callable[[], None]], None]

# A logit may differ by this much when only later tokens changed: rounding, which sharp attention amplifies.
LEAK = {"ordinary": 6e-5, "far": 5e-4, "sharp": 2e-3}
MANY_TOKENS = 1031  # in a vocabulary
# Layers, heads, head size, vocabulary and block size; in one of them what can be equal is.
UNUSUAL = ((1, 1, 22, 300, 19), (2, 1, 130, MANY_TOKENS, 21), (2, 2, 10, 20, 20), (12, 7, 2, 17, 23))
ODD = (2, 3, 5, 29, 25)  # a head size that nothing but rotation in pairs forbids
FEW_TOKENS = 11  # in a vocabulary that rows and positions can be as many as
FAR_BACK = 1e-3  # what a token moves logits by a few hundred positions later, at the least: 0.02 in 900 draws
APART = 0.02  # of the logits' spread: what dropout moves them by, at the least
END_TOKENS = (4, 14)  # rows and length of what begins and ends with them
HARDLY = 1e-12  # a rate of dropout at which next to no pass drops an entry, or adds noise that is felt
STEP = 1e-4  # along a direction, of weights whose entries are near 1
SLOPE = 0.02  # of the gradient's norm: what a slope may differ by; right ones to 1e-4, in a float32 loss to 2e-3
STEADY = 5e-4  # a logit in eval mode may differ by this much from one pass to the next: rounding
NOISE = 1e-5  # of a gradient entry that is zero in exact arithmetic


@criterion("gpt.load")
@both_schemes
def check_builds_and_loads_strictly(candidate: Candidate, draw: Draw, positions: str) -> None:
    """The model builds from GPTConfig, which says learned positions where nothing is said, and loads the parameters
    strictly; logits have the right shape and dtype."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case)
    for batch, length in ((1, 1), (case.batch, 7)):
        model.forward(draw.tokens(case.vocab, batch, length), strict_dtype=True)
    if positions == "learned":
        RemoteGPT(candidate, replace(case, config={k: v for k, v in case.config.items() if k != "positions"}))
    # That it generates is another claim; that nothing is added to the parameters, this.
    few = draw.tokens(case.vocab, 1, draw.integer(3, 8))
    for use_cache in (False, True):
        generate = partial(model.generate, few, 2, use_cache=use_cache, may_raise=True)
        if not holds(candidate, generate, "gpt.greedy", *["cache.generate"] * use_cache):
            break
    if candidate.is_alive:
        model.load(case.weights)


@criterion("gpt.load")
@both_schemes
def check_follows_float64(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str) -> None:
    """In float64 the model answers in float64, and its logits equal the reference's; a model that is cast follows."""
    case, rows = draw.gpt(positions), draw.integer(6, 12)
    model = RemoteGPT(candidate, case, torch.float64)
    atols = {
        torch.float64: rubric.tolerances.logits_float64,
        torch.float32: rubric.tolerances.logits_float32,
    }
    for number, dtype in ((case.batch, torch.float64), (rows, torch.float64), (2, torch.float32), (2, torch.float64)):
        if dtype is not model.dtype:
            model.cast(dtype)
        idx = draw.tokens(case.vocab, number, 19)
        got, want = model.forward(idx, strict_dtype=True), logits_of(case, idx, dtype)
        kept = evidence if dtype is torch.float64 else None  # one number is held against one tolerance
        expect_close(got, want, atols[dtype], f"a logit in {dtype}", "[b, t, v]", kept)


@criterion("gpt.causality")
@both_schemes
def check_no_logit_sees_a_later_token(candidate: Candidate, draw: Draw, evidence: Evidence, positions: str) -> None:
    """No logit changes when later tokens do, near the start of a sequence or far on."""
    for kind in ("ordinary", "sharp"):
        case = draw.gpt(positions, kind)
        model = RemoteGPT(candidate, case)
        length = draw.integer(17, 23)
        idx = draw.tokens(case.vocab, 1, length)
        cuts = torch.arange(1, length)
        later = torch.arange(length)[None, :] >= cuts[:, None]  # [cut, t]
        changed = torch.where(later, (idx + draw.integer(1, case.vocab - 1)) % case.vocab, idx)
        logits = model.forward(torch.cat([idx, changed]))  # [1 + cuts, T, V]
        if kind == "sharp" and not logits.isfinite().all():
            continue  # that a softmax bears scores of a hundred is nobody's claim
        expect_finite(logits, "forward's logits")
        moved = (logits[1:] - logits[:1]).abs().amax(-1)  # [cut, t]
        leak = torch.where(later, 0, moved)
        if kind == "ordinary":
            evidence["causality_map"] = {"values": jsonable(moved)}
        expect(bool((moved > 0)[later].all()), "a logit does not change when its own token does")
        if (
            kind == "sharp"
            and leak.max() > LEAK[kind]
            and (double := in_float64(candidate, case, torch.cat([idx, changed])))
        ):
            # With a hidden score a hundred above those that are seen, a softmax over all loses these in float32.
            leak = torch.where(later, 0, (double[1][1:] - double[1][:1]).abs().amax(-1))
        if leak.max() > LEAK[kind]:
            cut, t = divmod(int(leak.argmax()), length)
            raise wrong(
                f"changing the tokens from position {cut + 1} on moves the logits at position {t} by {leak.max():.3g}",
                max_abs_diff=float(leak.max()),
                atol=LEAK[kind],
                first_divergence=f"position {t} sees position {cut + 1}",
            )
    expect_no_leak_far_on(candidate, draw, positions)
    expect_no_leak_in_training(candidate, draw, positions)


def in_float64(candidate: Candidate, case: GPTCase, idx: Tensor) -> tuple[RemoteGPT, Tensor] | None:
    """Build the case's model in float64, and give forward's logits; None where it does not work in that, which is
    another claim."""
    try:
        model = RemoteGPT(candidate, case, torch.float64)
        return model, model.forward(idx, strict_dtype=True, may_raise=True)
    except CandidateFault as fault:
        candidate.pass_over(fault, "gpt.load")
        return None


def expect_no_leak_in_training(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Demand the same of train passes with dropout that draw the same random numbers."""
    case, seed = draw.gpt(positions), draw.untold(1, 2**31)
    model, cut = RemoteGPT(candidate, case, dropout=0.3), draw.integer(6, 12)
    idx = draw.tokens(case.vocab, 1, 2 * cut)
    turned = torch.cat([idx[:, :cut], idx[:, cut:].flip(1)], 1)  # of the same tokens, whatever is drawn by them

    def run(idx: Tensor) -> Tensor:
        candidate.seed = seed
        return model.forward(idx, train=True)

    one, two, other = run(idx), run(idx), run(turned)
    if torch.equal(one, two) and other.isfinite().all():  # else its random numbers are its own
        leak = float((one - other)[:, :cut].abs().max())
        what = f"in a train pass the logits before position {cut} move by {leak:.3g} with the order of later tokens"
        expect(leak <= LEAK["far"], what, max_abs_diff=leak)


def expect_no_leak_far_on(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Demand the same far into a sequence that fills the block, or all but fills it where a full one is refused."""
    length = draw.integer(270, 330)
    case = draw.gpt(positions, block_size=length)
    idx = draw.tokens(case.vocab, 1, length)
    cuts = [draw.integer(66, 127), draw.integer(130, 255), draw.integer(258, length - 2)]
    later = torch.arange(length)[None, :] >= torch.tensor(cuts)[:, None]  # [cut, t]
    changed = torch.where(later, (idx + draw.integer(1, case.vocab - 1)) % case.vocab, idx)
    model, both = RemoteGPT(candidate, case), torch.cat([idx, changed])
    try:
        logits = model.forward(both, may_raise=True)
    except RaisedError as fault:  # that the whole block can be used is another claim
        candidate.pass_over(fault, "gpt.logits")
        logits = model.forward(both[:, :-1])
    expect_finite(logits, "forward's logits")
    for cut, moved in zip(cuts, (logits[1:] - logits[:1]).abs().amax(-1), strict=True):
        leak = float(moved[:cut].max())
        at = f"position {int(moved[:cut].argmax())} sees position {cut} or later"
        expect(leak <= LEAK["far"], f"{at}: its logits move by {leak:.3g}", max_abs_diff=leak, first_divergence=at)


def expect_sees_far_back(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Demand that the last logits of a long sequence depend on tokens far back, one at a time."""
    length = draw.integer(270, 330)
    case = draw.gpt(positions, "mild", block_size=length + 1)
    idx = draw.tokens(case.vocab, 1, length)
    others = [draw.integer(*between) for between in ((0, 60), (66, 127), (130, 250))]
    rows = idx.repeat(1 + len(others), 1)
    for row, at in enumerate(others, 1):
        rows[row, at] = (idx[0, at] + draw.integer(1, case.vocab - 1)) % case.vocab
    logits = RemoteGPT(candidate, case).forward(rows)[:, 257:]
    expect_finite(logits, "forward's logits")
    for row, at in enumerate(others, 1):
        moved = float((logits[0] - logits[row]).abs().max())
        expect(moved > FAR_BACK, f"no logit after position 256 depends on the token at position {at}")


@criterion("gpt.causality")
@both_schemes
def check_every_logit_sees_every_earlier_token(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Every logit depends on every earlier token and on its own."""
    case = draw.gpt(positions, "mild")
    expect_sees_prefix(RemoteGPT(candidate, case), draw)
    expect_sees_far_back(candidate, draw, positions)


def expect_sees_prefix(model: RemoteGPT, draw: Draw) -> None:
    """Demand finite logits, each of which moves when any token at or before it does."""
    length, vocab = draw.integer(9, 16), model.case.vocab
    idx = draw.tokens(vocab, 1, length)
    here = torch.eye(length, dtype=torch.bool)
    changed = torch.where(here, (idx + draw.integer(1, vocab - 1)) % vocab, idx)
    logits = model.forward(torch.cat([idx, changed]))
    expect_finite(logits, "forward's logits")
    moved = (logits[1:] - logits[:1]).abs().amax(-1)  # [changed position, t]
    blind = (moved == 0) & torch.ones(length, length, dtype=torch.bool).triu()
    if blind.any():
        s, t = blind.nonzero()[0].tolist()
        raise wrong(
            f"the logits at position {t} do not depend on the token at position {s}",
            causality_map={"values": jsonable(moved)},
            first_divergence=f"position {t} ignores position {s}",
        )


def logits_of(case: GPTCase, idx: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    with torch.no_grad():
        logits: Tensor = case.reference(dtype)(idx)[0]
    return logits


@criterion("gpt.logits")
@both_schemes
def check_logits_equal_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """On fresh weights and tokens, at every position and length, with targets too, the logits equal the reference's."""
    case = draw.gpt(positions)
    with suppress(CandidateFault):  # that there is a model in float64 is another claim; this one comes after it
        RemoteGPT(candidate, case, torch.float64).run(draw.tokens(case.vocab, case.batch, case.block))
    model, atol = RemoteGPT(candidate, case), rubric.tolerances.logits_float32
    first: Tensor | None = None
    heads, width = case.config["n_head"], case.config["n_embd"]
    ordinary = ((case.batch, draw.integer(17, 27)), (2, case.block), (2, 1), (1, 2))
    alike = ((2, heads), (heads, width // heads), (width // heads, heads), (1, width))  # as long as another axis
    many = ((draw.integer(6, 20), draw.integer(3, case.block)), (draw.integer(17, 70), 3))  # rows
    for batch, length in (*ordinary, *alike, *many, END_TOKENS):
        idx = draw.tokens(case.vocab, batch, length)
        first = idx if first is None else first
        if (batch, length) == END_TOKENS:  # the first and the last of the vocabulary, which are tokens like any other
            for row, token in enumerate((0, case.vocab - 1)):
                idx[row, :4], idx[2 + row, -4:] = token, token
        got = model.forward(idx)
        try:
            expect_close(got, logits_of(case, idx), atol, f"a logit of {length} tokens", "[b, t, v]", evidence)
        except CandidateFault as fault:
            fault.evidence |= layer_map(candidate, case, idx, atol)
            raise
    expect_same_with_targets(model, draw.tokens(case.vocab, case.batch, draw.integer(4, case.block)), atol, evidence)
    before, _ = map(model.forward, draw.tokens(case.vocab, 2, 2, 9))
    expect_before(candidate, before, "what forward gave changes when it gives the next: they share memory")
    other = replace(case, weights=draw.weights(case.config))
    model.load(other.weights)
    got, want = model.forward(idx, train=None), logits_of(other, idx)  # in eval mode as it was, without another eval()
    expect_close(got, want, atol, "a logit after other weights were loaded", "[b, t, v]", evidence)
    decay = draw.untold(80, 95) / 100
    model.decay(decay)
    moved = replace(case, weights={name: decay * w for name, w in other.weights.items()})
    got, want = model.forward(idx), logits_of(moved, idx)
    expect_close(got, want, atol, "a logit after a step of the weights", "[b, t, v]", evidence)
    if first is not None:
        evidence |= layer_map(candidate, case, first, atol)


def expect_same_with_targets(model: RemoteGPT, idx: Tensor, atol: float, evidence: Evidence) -> None:
    """Demand that targets give a loss, and leave the logits of idx [B, T] as they are."""
    try:
        out = model.run(idx, targets="alike", may_raise=True)
    except CandidateFault as fault:
        model.candidate.pass_over(fault, "gpt.loss")  # whose claim it is that there is one
        return
    got = tensor_of(out, "logits", "forward's logits beside a loss", (*idx.shape, model.case.vocab))
    expect_close(got, logits_of(model.case, idx), atol, "a logit beside a loss", "[b, t, v]", evidence)


@criterion("gpt.logits")
@both_schemes
def check_faint_activations_equal_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Where activations are as small as LayerNorm's epsilon makes felt, the logits still equal the reference's."""
    case = draw.gpt(positions, "faint")
    idx = draw.tokens(case.vocab, case.batch, 23)
    got = RemoteGPT(candidate, case).forward(idx)
    expect_close(got, logits_of(case, idx), rubric.tolerances.logits_float32, "a logit", "[b, t, v]", evidence)


@criterion("gpt.logits")
@both_schemes
def check_long_sequences_equal_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Over sequences up to the longest that the contract allows, 1,024 tokens, and of a length that no tile fits, the
    logits still equal the reference's."""
    case = draw.longest(positions)
    model = RemoteGPT(candidate, case)
    far = [(1, length) for length in (65, 129, draw.integer(66, 300), draw.integer(301, 1000), LONGEST)]
    for rows, length in (*far, (draw.integer(3, 6), draw.integer(340, 1000))):
        idx = draw.tokens(case.vocab, rows, length)
        what = f"a logit of {length} tokens"
        got, want, atol = model.forward(idx), logits_of(case, idx), rubric.tolerances.logits_float32
        if not bool(((got - want).abs() <= atol).all()):  # far on, angles in float32 are off by as much: in float64?
            want = logits_of(case, idx, torch.float64)
        expect_close(got, want, atol, what, "[b, t, v]", evidence)


@criterion("gpt.logits")
@both_schemes
def check_models_of_other_sizes_equal_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """One layer with one head, and more layers and heads than a trained checkpoint has, equal the reference too; all
    these models are there at once."""
    every = unusual_sizes(positions)
    cases = [draw.gpt(positions, **unusual(sizes)) for sizes in every]
    models = [RemoteGPT(candidate, case) for case in cases]
    for sizes, case, model in zip(every, cases, models, strict=True):
        what = f"a logit of a model with n_layer {sizes[0]}, n_head {sizes[1]},"
        for rows in (2, draw.integer(6, 12)):
            idx = draw.tokens(case.vocab, rows, case.block)
            got, want = model.forward(idx), logits_of(case, idx)
            expect_close(got, want, rubric.tolerances.logits_float32, what, "[b, t, v]", evidence)


def unusual_sizes(positions: str) -> tuple[tuple[int, ...], ...]:
    return (*UNUSUAL, ODD) if positions == "learned" else UNUSUAL


def unusual(sizes: tuple[int, ...]) -> dict[str, Any]:
    """Give the changes of a configuration that make it one of UNUSUAL."""
    layers, heads, size, vocab, block = sizes
    return {"n_layer": layers, "n_head": heads, "n_embd": heads * size, "vocab_size": vocab, "block_size": block}


def layer_map(candidate: Candidate, case: GPTCase, idx: Tensor, atol: float) -> Evidence:
    """Compare what each module put out with the reference's: only explains, so a fault here is swallowed, and nothing
    may be asked after it that matters."""
    try:
        got = RemoteGPT(candidate, case).trace(idx[:1])
    except CandidateFault:
        return {}
    want: dict[str, Tensor] = {}
    reference = case.reference()

    def keep(name: str) -> object:
        def hook(_module: object, _inputs: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                want[name] = first

        return hook

    for name, module in reference.named_modules():
        if name in got:
            module.register_forward_hook(keep(name))
    with torch.no_grad():
        reference(idx[:1])
    names = [n for n in want if n in got and got[n].shape == want[n].shape and want[n].dim() == 3]  # [1, T, ...]
    if not names:
        return {}
    maps = [(got[n].float() - want[n]).abs().amax(-1)[0] for n in names]  # [T] each
    first = next((n for n, row in zip(names, maps, strict=True) if not bool((row <= atol).all())), None)
    rounded = [[float(f"{x:.3g}") for x in row.tolist()] for row in maps]
    return {"layer_map": {"layers": jsonable(names), "values": jsonable(rounded), "first": first}}


@criterion("gpt.loss")
@both_schemes
def check_loss_equals_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """With unshifted targets the loss is the mean next-token cross-entropy, as the reference's."""
    ordinary, long = draw.gpt(positions), draw.longest(positions)
    few = draw.gpt(positions, vocab_size=FEW_TOKENS)
    for case, sizes in (
        (ordinary, ((ordinary.batch, draw.integer(11, 25)), (2, 2), (1, ordinary.block))),
        (few, ((3, FEW_TOKENS), (3, FEW_TOKENS + 1), (FEW_TOKENS, 5))),
        (long, ((2, draw.integer(600, LONGEST)),)),
    ):
        model, reference = RemoteGPT(candidate, case), case.reference()
        for batch, length in sizes:
            idx = draw.tokens(case.vocab, batch, length)
            got, want = model.loss(idx), reference(idx, idx)[1].detach()
            what = f"the loss over {batch} x {length} tokens"
            expect_close(got, want, rubric.tolerances.loss_float32, what, evidence=evidence)


@criterion("gpt.loss")
@both_schemes
def check_gradient_equals_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """The gradient of the loss by every parameter equals the reference's; in train mode with dropout 0 too."""
    for case, length in (
        (draw.gpt(positions), 21),
        (draw.gpt(positions, **unusual(UNUSUAL[-1])), 21),
        (draw.longest(positions), draw.integer(70, 300)),
    ):
        model, reference = RemoteGPT(candidate, case), case.reference()
        idx = draw.tokens(case.vocab, case.batch, length)
        reference(idx, idx)[1].backward()
        want = {name: p.grad for name, p in reference.named_parameters()}
        ways: tuple[tuple[bool, Targets], ...] = ((True, "alike"), (True, "itself"), (False, "alike"))
        for train, targets in ways:
            got = model.gradients(idx, train=train, targets=targets, between=targets == "itself")
            if got is None and not train:
                continue  # who trains in train mode only says nothing wrong
            if got is None:
                raise wrong("the loss has no gradient")
            for name, gradient in want.items():
                atol = rubric.tolerances.gradient_float32 * float(gradient.abs().max()) + NOISE
                expect_close(got[name], gradient, atol, f"the gradient by {name}", evidence=evidence)


@criterion("gpt.loss")
@both_schemes
def check_gradient_is_that_of_the_loss_with_dropout(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """With dropout in train mode, too, the loss is the cross-entropy of the logits beside it, and its gradient is what
    the loss changes by."""
    case = draw.gpt(positions)
    idx, seed = draw.tokens(case.vocab, case.batch, draw.integer(9, 20)), draw.untold(1, 2**31)
    with presupposing(candidate, "the model fails in float64", "gpt.load", "gpt.loss"):
        model = RemoteGPT(candidate, case, torch.float64, dropout=0.3)
        model.run(idx, targets="alike", may_raise=True)

    def run(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """With the same random numbers each time."""
        model.load(weights)
        candidate.seed = seed
        return model.run(idx, train=True, targets="alike", gradients=True)

    def loss_at(step: float) -> float:
        moved = {name: w.double() + step * direction[name] for name, w in case.weights.items()}
        return float(tensor_of(run(moved), "loss", "the loss", ()))

    out, again = run(case.weights), run(case.weights)
    loss = tensor_of(out, "loss", "the loss", ())
    beside = partial(tensor_of, out, "logits", "forward's logits beside a loss", (*idx.shape, case.vocab))
    logits = attempt(candidate, beside, "gpt.logits")
    if logits is not None:
        with presupposing(candidate, "a train pass with dropout gives no numbers", "gpt.mode"):
            expect_finite(logits, "the logits of a train pass with dropout")
        want = F.cross_entropy(logits.double()[:, :-1].flatten(0, 1), idx[:, 1:].flatten())
        expect_close(loss, want, rubric.tolerances.loss_float32, "the loss with dropout", evidence=evidence)
    got = model.gradients_of(out)
    if got is None:
        raise wrong("the loss with dropout has no gradient")
    if not torch.equal(loss, tensor_of(again, "loss", "the loss", ())):
        return  # one with random numbers of its own cannot be asked
    for name, g in got.items():
        expect_finite(g, f"the gradient by {name}")
    size = sum(float(g.double().square().sum()) for g in got.values()) ** 0.5
    expect(math.isfinite(size), "the gradient of the loss with dropout is beyond all bounds")
    for _ in range(3):
        direction = {name: draw.normal(*w.shape) for name, w in case.weights.items()}
        slope = sum(float((got[name].double() * d).sum()) for name, d in direction.items())
        measured = (loss_at(STEP) - loss_at(-STEP)) / (2 * STEP)
        what = f"along a direction the gradient says {slope:.4g}, the loss with dropout changes by {measured:.4g}"
        expect(abs(slope - measured) < SLOPE * size, what, expected=measured, actual=slope)


@criterion("gpt.mode")
@both_schemes
def check_dropout_is_gated_by_mode(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Eval logits with dropout equal those without; two train passes differ, as much as dropout makes them; without
    dropout, or with next to none, train equals eval."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, draw.integer(17, case.block - 1))  # the whole block is for others
    dry, wet, moist = (RemoteGPT(candidate, case, dropout=p) for p in (0.0, 0.3, 0.1))
    plain = dry.forward(idx)
    expect_finite(plain, "forward's logits")
    atol = rubric.tolerances.logits_float32
    expect_close(wet.forward(idx), plain, atol, "an eval logit with dropout 0.3", "[b, t, v]", evidence)
    few = draw.tokens(case.vocab, 2, draw.integer(5, 12))
    expect_close(wet.forward(few), dry.forward(few), atol, "an eval logit with dropout 0.3", "[b, t, v]", evidence)
    expect_close(dry.forward(idx, train=True), plain, atol, "a train logit with dropout 0", "[b, t, v]", evidence)
    for model, p in ((wet, 0.3), (moist, 0.1)):
        expect_dropout(model, draw, idx, f"with dropout {p}", train=True)
    expect_close(wet.forward(idx), plain, atol, "an eval logit after train passes", "[b, t, v]", evidence)
    expect_gated_with_targets(dry, wet, draw, few, atol)
    damp, row = RemoteGPT(candidate, case, dropout=HARDLY), few[:1]  # the fewer entries, the fewer go by chance
    plain = dry.forward(row)
    passes = [one for _ in range(2) for one in two_passes(damp, draw, row, train=True)]
    best = min(passes, key=lambda logits: float((logits - plain).abs().nan_to_num(torch.inf).max()))
    what = "a train logit with dropout that hardly drops"
    expect_close(best, plain, atol, what, "[b, t, v]", evidence)


def two_passes(model: RemoteGPT, draw: Draw, idx: Tensor, train: bool | None = False) -> list[Tensor]:
    """Give the logits of idx [B, T] twice, each time with other random numbers."""
    passes = []
    for _ in range(2):
        model.candidate.seed = draw.untold(1, 2**31)
        passes.append(model.forward(idx, train=train))
    return passes


def expect_gated_with_targets(dry: RemoteGPT, wet: RemoteGPT, draw: Draw, idx: Tensor, atol: float) -> None:
    """Demand that dropout is gated by mode alone, where there are targets, and gradients, too."""

    def logits(model: RemoteGPT, train: bool, gradients: bool) -> Tensor:
        model.candidate.seed = draw.untold(1, 2**31)
        out = model.run(idx, train=train, targets="alike", gradients=gradients, may_raise=True)
        return tensor_of(out, "logits", "forward's logits beside a loss", (*idx.shape, model.case.vocab))

    for gradients in (False, True):
        try:
            plain = logits(dry, False, gradients)
        except CandidateFault as fault:
            dry.candidate.pass_over(fault, "gpt.loss", "gpt.logits")  # which judge a loss, and the logits beside it
            return
        beside = "with targets and gradients" if gradients else "with targets"
        what = f"an eval logit with dropout 0.3 {beside}"
        expect_close(logits(wet, False, gradients), plain, atol, what, "[b, t, v]")
        one, two = (logits(wet, True, gradients) for _ in range(2))
        expect_dropped(one, two, f"with dropout 0.3 {beside}")


def expect_dropout(model: RemoteGPT, draw: Draw, idx: Tensor, when: str, train: bool | None) -> None:
    """Demand that two passes differ, and not by mere noise."""
    one, two = two_passes(model, draw, idx, train)
    expect_dropped(one, two, when)


def expect_dropped(one: Tensor, two: Tensor, when: str) -> None:
    """Demand that the logits of two passes differ as dropout makes them."""
    for logits in (one, two):
        expect_finite(logits, "forward's logits")
    apart, spread = float((one - two).abs().max()), float(one.std())
    what = f"{when} two train passes differ by {apart:.2g} at a spread of the logits of {spread:.2g}"
    expect(apart > APART * spread, f"{what}: dropout does nothing")
    dropped = float((one == 0).float().mean())
    expect(dropped < APART, f"{when} {dropped:.0%} of the logits are zero: they are dropped themselves")
