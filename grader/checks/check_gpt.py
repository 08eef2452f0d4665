"""Claims about the repaired model, without its cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import torch
from pydantic import JsonValue
from torch import Tensor

from grader import fixtures
from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import both_schemes, criterion
from grader.checks.cases import LONGEST, Draw, GPTCase
from grader.checks.expect import expect, expect_close, expect_finite, expect_tokens, wrong
from grader.checks.remote import Generated, RemoteGPT, Targets
from grader.models import Evidence, Rubric, jsonable

Once = Callable[[Any, Callable[[], None]], None]

# A logit may differ by this much when only later tokens changed: rounding, which sharp attention amplifies.
LEAK = {"ordinary": 6e-5, "far": 5e-4, "sharp": 2e-3}
MANY_TOKENS = 1031  # in a vocabulary
# Layers, heads, head size, vocabulary and block size; in one of them what can be equal is.
UNUSUAL = ((1, 1, 22, 300, 19), (2, 1, 130, MANY_TOKENS, 21), (2, 2, 10, 20, 20), (6, 7, 2, 17, 23))
FEW_TOKENS = 11  # in a vocabulary that rows and positions can be as many as
TEXT = 18  # characters of each golden text that are generated: enough to read
FAR_BACK = 1e-3  # what a token moves logits by a few hundred positions later, at the least: 0.02 in 900 draws
APART = 0.02  # of the logits' spread: what dropout moves them by, at the least
END_TOKENS = (4, 14)  # rows and length of what begins and ends with them
STEADY = 5e-4  # a logit in eval mode may differ by this much from one pass to the next: rounding
SAME = 1e-3  # what one computation done twice may differ by, relative to its largest entry: rounding
NOISE = 1e-5  # of a gradient entry that is zero in exact arithmetic
TIE = 4e-3  # two best logits of a fresh model nearer than this are drawn again


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


@criterion("gpt.load")
@both_schemes
def check_follows_float64(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str) -> None:
    """In float64 the model answers in float64, and its logits equal the reference's."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case, torch.float64)
    for rows in (case.batch, draw.integer(6, 12)):
        idx = draw.tokens(case.vocab, rows, 19)
        got, want = model.forward(idx, strict_dtype=True), logits_of(case, idx, torch.float64)
        expect_close(got, want, rubric.tolerances.logits_float64, "logits in float64", "[b, t, v]", evidence)


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
        if leak.max() > LEAK[kind]:
            cut, t = divmod(int(leak.argmax()), length)
            raise wrong(
                f"changing the tokens from position {cut + 1} on moves the logits at position {t} by {leak.max():.3g}",
                max_abs_diff=float(leak.max()),
                atol=LEAK[kind],
                first_divergence=f"position {t} sees position {cut + 1}",
            )
    expect_no_leak_far_on(candidate, draw, positions)


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
    except RaisedError:  # that the whole block can be used is another claim
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
    many = ((draw.integer(6, 16), draw.integer(3, 12)), (draw.integer(17, 70), 3))  # rows
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
            fault.evidence |= layer_map(model, case, idx, atol)
            raise
    expect_same_with_targets(model, draw.tokens(case.vocab, case.batch, 9), atol, evidence)
    if first is not None:
        evidence |= layer_map(model, case, first, atol)


def expect_same_with_targets(model: RemoteGPT, idx: Tensor, atol: float, evidence: Evidence) -> None:
    """Demand that targets give a loss, and leave the logits of idx [B, T] as they are."""
    try:
        out = model.run(idx, targets="alike", may_raise=True)
    except CandidateFault:
        return  # that there is a loss is another claim
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
        got, want = model.forward(idx), logits_of(case, idx)
        expect_close(got, want, rubric.tolerances.logits_float32, what, "[b, t, v]", evidence)


@criterion("gpt.logits")
@both_schemes
def check_models_of_other_sizes_equal_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """One layer with one head, and more layers and heads than a trained checkpoint has, equal the reference too; all
    these models are there at once."""
    cases = [draw.gpt(positions, **unusual(sizes)) for sizes in UNUSUAL]
    models = [RemoteGPT(candidate, case) for case in cases]
    for sizes, case, model in zip(UNUSUAL, cases, models, strict=True):
        what = f"a logit of {sizes[0]} layers, {sizes[1]} heads"
        for rows in (2, draw.integer(6, 12)):
            idx = draw.tokens(case.vocab, rows, case.block)
            got, want = model.forward(idx), logits_of(case, idx)
            expect_close(got, want, rubric.tolerances.logits_float32, what, "[b, t, v]", evidence)


def unusual(sizes: tuple[int, ...]) -> dict[str, Any]:
    """Give the changes of a configuration that make it one of UNUSUAL."""
    layers, heads, size, vocab, block = sizes
    return {"n_layer": layers, "n_head": heads, "n_embd": heads * size, "vocab_size": vocab, "block_size": block}


def layer_map(model: RemoteGPT, case: GPTCase, idx: Tensor, atol: float) -> Evidence:
    """Compare what each module put out with the reference's: only explains, so a fault here is swallowed."""
    try:
        got = model.trace(idx[:1])
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
            got = model.gradients(idx, train=train, targets=targets)
            if got is None and not train:
                continue  # who trains in train mode only says nothing wrong
            if got is None:
                raise wrong("the loss has no gradient")
            for name, gradient in want.items():
                atol = rubric.tolerances.gradient_float32 * float(gradient.abs().max()) + NOISE
                expect_close(got[name], gradient, atol, f"the gradient by {name}", evidence=evidence)


@criterion("gpt.mode")
@both_schemes
def check_dropout_is_gated_by_mode(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Eval logits with dropout equal those without; two train passes differ, as much as dropout makes them; without
    dropout train equals eval."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, draw.integer(17, case.block))
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


def two_passes(model: RemoteGPT, draw: Draw, idx: Tensor, train: bool | None = False) -> list[Tensor]:
    """Give the logits of idx [B, T] twice, each time with other random numbers."""
    passes = []
    for _ in range(2):
        model.candidate.seed = draw.untold(1, 2**31)
        passes.append(model.forward(idx, train=train))
    return passes


def expect_dropout(model: RemoteGPT, draw: Draw, idx: Tensor, when: str, train: bool | None) -> None:
    """Demand that two passes differ, and not by mere noise."""
    one, two = two_passes(model, draw, idx, train)
    for logits in (one, two):
        expect_finite(logits, "forward's logits")
    apart, spread = float((one - two).abs().max()), float(one.std())
    what = f"{when} two train passes differ by {apart:.2g} at a spread of the logits of {spread:.2g}"
    expect(apart > APART * spread, f"{what}: dropout does nothing")


@criterion("gpt.mode")
@both_schemes
def check_generate_is_deterministic_and_restores_modes(
    candidate: Candidate, draw: Draw, once: Once, positions: str
) -> None:
    """generate gives the same tokens in whatever mode, and leaves every module's mode, grad mode and dropout alone."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case, dropout=0.5)
    idx, new = draw.tokens(case.vocab, case.batch, 9), draw.integer(9, 20)
    runs = []
    for mode, grad_mode in (("eval", True), ("train", True), ("train", False), ("mixed", True), ("inner", True)):
        candidate.seed = draw.untold(1, 2**31)
        made = model.generate(idx, new, use_cache=False, mode=mode, grad_mode=grad_mode)
        expect_restored(made, f"generate from {mode} mode")
        runs.append(made.tokens)
    for again in runs[1:]:
        expect_tokens(again, runs[0], "generate in another mode")
    once(("moves", positions), lambda: expect_moves(model, case, draw))
    expect_mode_acts(model, draw, idx, use_cache=False)
    try:
        model.generate(idx, 0, use_cache=False, may_raise=True)
    except CandidateFault:
        return  # that the prompt comes back is gpt.greedy's claim
    expect_restored(model.generate(idx, 0, use_cache=False, mode="train"), "generate of 0 tokens")


@criterion("gpt.mode")
@both_schemes
def check_generate_leaves_a_model_that_can_be_trained(candidate: Candidate, draw: Draw, positions: str) -> None:
    """A model whose first call was generate has the gradients of one that has not generated."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, 9)
    try:
        want = RemoteGPT(candidate, case).gradients(idx)
    except CandidateFault:
        return  # that there are gradients is gpt.loss's claim
    model = RemoteGPT(candidate, case)
    model.generate(idx, 1, use_cache=False)
    got = model.gradients(idx)
    if want is None or got is None:
        expect(want is None, "the loss of a model that has generated has no gradient")
        return
    for name, gradient in want.items():
        expect_finite(gradient, f"the gradient by {name}")
        atol = SAME * (float(gradient.abs().max()) + NOISE)
        expect_close(got[name], gradient, atol, f"the gradient by {name} of a model that has generated")


def expect_restored(made: Generated, what: str) -> None:
    expect(made.modes_changed == 0, f"{what} leaves {made.modes_changed} modules in another mode")
    expect(not made.grad_mode_changed, f"{what} changes grad mode")


def expect_mode_acts(model: RemoteGPT, draw: Draw, idx: Tensor, use_cache: bool) -> None:
    """Demand that dropout acts after generate as it did before: what a module says of its mode could be said only."""
    for mode in ("eval", "train"):
        model.generate(idx, 2, use_cache=use_cache, mode=mode)
        if mode == "train":
            expect_dropout(model, draw, idx, "after generate in train mode,", train=None)
        else:
            one, two = two_passes(model, draw, idx, train=None)
            expect_close(one, two, STEADY, "after generate in eval mode a logit of another pass")


@criterion("gpt.mode")
@both_schemes
def check_cached_generate_is_deterministic_and_restores_modes(candidate: Candidate, draw: Draw, positions: str) -> None:
    """With a cache, too, generate gives the same tokens in whatever mode, and leaves modes and dropout alone."""
    case = draw.gpt(positions)
    idx, new = draw.tokens(case.vocab, case.batch, 9), draw.integer(9, 20)

    def made(mode: str, may_raise: bool = False) -> Generated:
        """From a fresh model, which has nothing left from a run before."""
        candidate.seed = draw.untold(1, 2**31)
        model = RemoteGPT(candidate, case, dropout=0.5)
        return model.generate(idx, new, use_cache=True, mode=mode, may_raise=may_raise)

    try:
        runs = {"eval": made("eval", may_raise=True)}
    except CandidateFault:
        return  # that there is a cache, and what it makes of the tokens, is its own claim
    runs |= {mode: made(mode) for mode in ("train", "mixed", "inner")}
    for mode, run in runs.items():
        expect_restored(run, f"cached generate from {mode} mode")
        expect_tokens(run.tokens, runs["eval"].tokens, f"cached generate from {mode} mode")
    expect_mode_acts(RemoteGPT(candidate, case, dropout=0.5), draw, idx, use_cache=True)


def expect_moves(model: RemoteGPT, case: GPTCase, draw: Draw) -> None:
    """Demand that what generate appends follows prompt and weights where the model's own logits do: canned tokens
    earn nothing, and a live model that says the same to everything is another claim's concern."""
    prompts = draw.tokens(case.vocab, 6, 1, 6)  # each by itself: that rows do not mix is another claim

    def appended(model: RemoteGPT) -> list[Tensor]:
        return [model.generate(idx, 6, use_cache=False).tokens[:, 6:] for idx in prompts]

    def best(model: RemoteGPT) -> list[int]:
        return [int(model.forward(idx)[0, -1].argmax()) for idx in prompts]

    before = appended(model)
    if all(torch.equal(one, before[0]) for one in before):
        expect(len(set(best(model))) == 1, "generate appends the same tokens to every prompt, whatever the logits say")
    other = RemoteGPT(model.candidate, replace(case, weights=draw.weights(case.config)))
    if all(torch.equal(one, two) for one, two in zip(before, appended(other), strict=True)):
        expect(best(model) == best(other), "generate appends the same tokens whatever the weights")


@criterion("gpt.greedy")
@both_schemes
def check_trained_model_writes_the_expected_text(
    candidate: Candidate, evidence: Evidence, positions: Literal["learned", "rope"]
) -> None:
    """The trained checkpoint's greedy text equals the expected text."""
    checkpoint = fixtures.load(positions)
    case = GPTCase(dict(checkpoint.config), dict(checkpoint.weights), 1)
    model = RemoteGPT(candidate, case)
    for start, end, texts in together(checkpoint.prompts):
        idx = torch.tensor([checkpoint.encode(text[:start]) for text in texts])
        tokens = model.generate(idx, end - start, use_cache=False, strict_dtype=True).tokens
        for row, text in zip(tokens.tolist(), texts, strict=True):
            prompt, expected, actual = text[:start], text[start:end], checkpoint.decode(row[start:])
            strip: Evidence = {"prompt": prompt, "expected": expected, "actual": actual, "first_wrong": None}
            if actual == expected:
                evidence.setdefault("tokens", strip)
                continue
            at = next(i for i, (a, b) in enumerate(zip(actual, expected, strict=True)) if a != b)
            strip |= {"first_wrong": at, "top2": best_two(model, checkpoint, prompt + expected[:at])}
            raise wrong(
                f"the text after {prompt[-24:]!r} leaves the expected one at character {at + 1}: "
                f"{actual[max(0, at - 12) : at + 12]!r}, expected {expected[max(0, at - 12) : at + 12]!r}",
                tokens=strip,
            )


def together(prompts: Iterable[fixtures.Prompt]) -> Iterator[tuple[int, int, list[str]]]:
    """Give start, end and whole texts of each batch: every point on a greedy path is a prompt as well, so paths of
    about the same length are taken up where the longest prompt ends."""
    start, end, texts = 0, 0, list[str]()
    for prompt in sorted(prompts, key=lambda prompt: len(prompt.prompt)):
        text = prompt.prompt + prompt.expected
        if texts and min(end, len(text)) - len(prompt.prompt) < TEXT:
            yield start, min(end, start + TEXT), texts
            texts = []
        start, end = len(prompt.prompt), min(end, len(text)) if texts else len(text)
        texts.append(text)
    if texts:
        yield start, min(end, start + TEXT), texts


def best_two(model: RemoteGPT, checkpoint: fixtures.Checkpoint, text: str) -> list[JsonValue]:
    """Give the two best next tokens by the submission's own logits: only explains, so a fault here is swallowed."""
    try:
        logits = model.forward(torch.tensor([checkpoint.encode(text)[-model.case.block :]]))[0, -1]
    except CandidateFault:
        return []
    top = logits.topk(2)
    return [
        {"token": checkpoint.decode([i]), "logit": jsonable(x)}
        for x, i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]


@criterion("gpt.greedy")
@both_schemes
def check_fresh_model_decodes_as_the_reference(candidate: Candidate, draw: Draw, positions: str) -> None:
    """On fresh weights greedy generation gives the reference's tokens, the first and the last of the vocabulary like
    any other; max_new_tokens=0 gives the prompt back."""
    case, idx, want = with_end_tokens(*without_ties(draw, positions, length=8, new=26), start=10)
    model = RemoteGPT(candidate, case)
    got = model.generate(idx, 26, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want, "greedy generation")
    rows = draw.integer(3, 8)
    got = model.generate(idx.repeat(rows, 1), 5, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want[:, : 8 + 5].repeat(rows, 1), f"greedy generation of {2 * rows} rows")
    model.generate(idx, 0, use_cache=False, strict_dtype=True)
    # Far on: a small model, for one that is right may go from query to query in Python.
    many = draw.integer(50, 200)
    case = draw.gpt(positions, block_size=8 + many, n_layer=2, n_head=2, n_embd=20)
    idx = draw.tokens(case.vocab, 1, 8)
    got = RemoteGPT(candidate, case).generate(idx, many, use_cache=False, strict_dtype=True).tokens
    expect_best(case, got, start=8)
    case, idx, want = without_ties(draw, positions, length=5, new=5, vocab_size=MANY_TOKENS)
    got = RemoteGPT(candidate, case).generate(idx, 5, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want, f"greedy generation from a vocabulary of {MANY_TOKENS:,}")


@criterion("gpt.window")
@both_schemes
def check_window_slides_past_block_size(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Past block_size each step sees the last block_size tokens, positions counted from 0 in that window."""
    block = draw.integer(33, 130)
    # One prompt that fills the window on the way, one that is longer than it, and a longer window.
    for length, new, size in ((9, 13, 11), (15, 13, 11), (block - 2, 6, block)):
        case, idx, want = without_ties(draw, positions, length=length, new=new, block_size=size)
        got = RemoteGPT(candidate, case).generate(idx, new, use_cache=False).tokens
        expect_tokens(got, want, f"generation past block_size {size} from {length} tokens")


def without_ties(draw: Draw, positions: str, length: int, new: int, **changes: Any) -> tuple[GPTCase, Tensor, Tensor]:
    """Draw a case whose greedy path, by the reference in float64, crosses no near tie: case, prompt and path."""
    while True:
        case = draw.gpt(positions, **changes)
        idx = draw.tokens(case.vocab, 2, length)
        path = greedy_path(case, idx, new)
        if path is not None:
            return case, idx, path


def with_end_tokens(case: GPTCase, idx: Tensor, path: Tensor, start: int) -> tuple[GPTCase, Tensor, Tensor]:
    """Rename tokens so that the first row's path has token 0 from `start` on and, where it says two, the last one."""
    said = sorted(set(path[0, start:].tolist()))
    name = torch.arange(case.vocab)
    for new, old in ((0, said[0]), (case.vocab - 1, said[-1]))[: len(said)]:
        at = int((name == new).nonzero())
        name[at], name[old] = name[old].item(), new
    weights = dict(case.weights)
    for table in ("tok_emb.weight", "head.weight"):
        weights[table] = torch.empty_like(weights[table]).index_copy_(0, name, weights[table])
    return GPTCase(case.config, weights, case.batch), name[idx], name[path]


def expect_best(case: GPTCase, got: Tensor, start: int) -> None:
    """Demand that each token of got, [1, T], from `start` on is the best by the reference's logits before it."""
    logits = logits_of(case, got[:, :-1], torch.float64)[0, start - 1 :]  # [t, v]
    short = logits.amax(-1) - logits.gather(-1, got[0, start:, None])[:, 0]
    if (short > TIE).any():
        at = int((short > TIE).nonzero()[0])
        raise wrong(
            f"greedy generation: new token {at + 1} is {int(got[0, start + at])}, expected {int(logits[at].argmax())}",
            first_divergence=f"new token {at + 1}",
        )


@torch.no_grad()
def greedy_path(case: GPTCase, idx: Tensor, new: int) -> Tensor | None:
    """Give the reference's greedy path, [B, T + new], or None where two best logits are nearer than TIE."""
    reference = case.reference(torch.float64)
    for _ in range(new):
        best = reference(idx[:, -case.block :])[0][:, -1].topk(2)
        if float((best.values[:, 0] - best.values[:, 1]).min()) <= TIE:
            return None
        idx = torch.cat([idx, best.indices[:, :1]], 1)
    return idx
