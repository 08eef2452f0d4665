"""Claims about the repaired model, without its cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import torch
from pydantic import JsonValue
from torch import Tensor

from grader import fixtures
from grader.candidate import Candidate, CandidateFault
from grader.checks import both_schemes, criterion
from grader.checks.cases import Draw, GPTCase
from grader.checks.expect import expect, expect_close, expect_finite, expect_tokens, wrong
from grader.checks.remote import Generated, RemoteGPT
from grader.models import Evidence, Rubric, jsonable

Once = Callable[[Any, Callable[[], None]], None]

# A logit may differ by this much when only later tokens changed: rounding, which sharp attention amplifies.
LEAK = {"ordinary": 6e-5, "sharp": 2e-3}
LONGEST = 1024
TEXT = 24  # characters of each golden text that are generated: enough to read
NOISE = 1e-5  # of a gradient entry that is zero in exact arithmetic
TIE = 4e-3  # two best logits of a fresh model nearer than this are drawn again


@criterion("gpt.load")
@both_schemes
def check_builds_and_loads_strictly(candidate: Candidate, draw: Draw, positions: str) -> None:
    """The model builds from GPTConfig and loads the parameters strictly; logits have the right shape and dtype."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case)
    for batch, length in ((1, 1), (case.batch, 7)):
        model.forward(draw.tokens(case.vocab, batch, length), strict_dtype=True)


@criterion("gpt.load")
@both_schemes
def check_follows_float64(candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str) -> None:
    """In float64 the model answers in float64, and its logits equal the reference's."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, 19)
    got = RemoteGPT(candidate, case, torch.float64).forward(idx, strict_dtype=True)
    want = logits_of(case, idx, torch.float64)
    expect_close(got, want, rubric.tolerances.logits_float64, "logits in float64", "[b, t, v]", evidence)


@criterion("gpt.causality")
@both_schemes
def check_no_logit_sees_a_later_token(candidate: Candidate, draw: Draw, evidence: Evidence, positions: str) -> None:
    """No logit changes when later tokens do."""
    for kind in ("ordinary", "sharp"):
        case = draw.gpt(positions, kind)
        model = RemoteGPT(candidate, case)
        length = draw.integer(17, 23)
        idx = draw.tokens(case.vocab, 1, length)
        cuts = torch.arange(1, length)
        later = torch.arange(length)[None, :] >= cuts[:, None]  # [cut, t]
        changed = torch.where(later, (idx + draw.integer(1, case.vocab - 1)) % case.vocab, idx)
        logits = model.forward(torch.cat([idx, changed]))  # [1 + cuts, T, V]
        expect_finite(logits, "forward's logits")
        moved = (logits[1:] - logits[:1]).abs().amax(-1)  # [cut, t]
        leak = torch.where(later, 0, moved)
        if kind == "ordinary":
            evidence["causality_map"] = {"values": jsonable(moved)}
        if leak.max() > LEAK[kind]:
            cut, t = divmod(int(leak.argmax()), length)
            raise wrong(
                f"changing the tokens from position {cut + 1} on moves the logits at position {t} by {leak.max():.3g}",
                max_abs_diff=float(leak.max()),
                atol=LEAK[kind],
                first_divergence=f"position {t} sees position {cut + 1}",
            )


@criterion("gpt.causality")
@both_schemes
def check_every_logit_sees_every_earlier_token(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Every logit depends on every earlier token and on its own."""
    case = draw.gpt(positions, "mild")
    expect_sees_prefix(RemoteGPT(candidate, case), draw)


def expect_sees_prefix(model: RemoteGPT, draw: Draw) -> None:
    """Demand finite logits, each of which moves when any token at or before it does."""
    length, vocab = 14, model.case.vocab
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
    """On fresh weights and tokens, at every position and length, the logits equal the reference's."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case)
    for batch, length in ((case.batch, draw.integer(17, 27)), (2, case.block), (2, 1), (1, 2)):
        idx = draw.tokens(case.vocab, batch, length)
        got = model.forward(idx)
        try:
            expect_close(
                got,
                logits_of(case, idx),
                rubric.tolerances.logits_float32,
                f"a logit of {length} tokens",
                "[b, t, v]",
                evidence,
            )
        except CandidateFault as fault:
            fault.evidence |= layer_map(model, case, idx, rubric.tolerances.logits_float32)
            raise
        if length > 2 and "layer_map" not in evidence:
            evidence |= layer_map(model, case, idx, rubric.tolerances.logits_float32)


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
    """Over the longest sequence that the contract allows, 1,024 tokens, the logits still equal the reference's."""
    case = draw.gpt(positions, block_size=LONGEST)
    idx = draw.tokens(case.vocab, 1, LONGEST)
    got = RemoteGPT(candidate, case).forward(idx)
    expect_close(got, logits_of(case, idx), rubric.tolerances.logits_float32, "a logit", "[b, t, v]", evidence)


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
    names = [n for n in want if n in got and got[n].shape == want[n].shape]
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
    case = draw.gpt(positions)
    model, reference = RemoteGPT(candidate, case), case.reference()
    for batch, length in ((case.batch, draw.integer(11, 25)), (2, 2), (1, case.block)):
        idx = draw.tokens(case.vocab, batch, length)
        got, _ = model.loss(idx)
        want = reference(idx, idx)[1].detach()
        expect_close(
            got, want, rubric.tolerances.loss_float32, f"the loss over {batch} x {length} tokens", evidence=evidence
        )


@criterion("gpt.loss")
@both_schemes
def check_gradient_equals_the_reference(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """The gradient of the loss by every parameter equals the reference's; in train mode with dropout 0 too."""
    case = draw.gpt(positions)
    model, reference = RemoteGPT(candidate, case), case.reference()
    idx = draw.tokens(case.vocab, case.batch, 21)
    reference(idx, idx)[1].backward()
    want = {name: p.grad for name, p in reference.named_parameters()}
    for train in (False, True):
        _, got = model.loss(idx, train=train)
        for name, gradient in want.items():
            atol = rubric.tolerances.gradient_float32 * float(gradient.abs().max()) + NOISE
            expect_close(got[name], gradient, atol, f"the gradient by {name}", evidence=evidence)


@criterion("gpt.mode")
@both_schemes
def check_dropout_is_gated_by_mode(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Eval logits with dropout equal those without; two train passes differ; without dropout train equals eval."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, 16)
    dry, wet = RemoteGPT(candidate, case), RemoteGPT(candidate, case, dropout=0.3)
    plain = dry.forward(idx)
    expect_finite(plain, "forward's logits")
    atol = rubric.tolerances.logits_float32
    expect_close(wet.forward(idx), plain, atol, "an eval logit with dropout 0.3", "[b, t, v]", evidence)
    expect_close(dry.forward(idx, train=True), plain, atol, "a train logit with dropout 0", "[b, t, v]", evidence)
    candidate.seed = draw.integer(1, 2**31)
    one = wet.forward(idx, train=True)
    candidate.seed = draw.integer(1, 2**31)
    two = wet.forward(idx, train=True)
    expect(not torch.equal(one, two), "two train passes with dropout 0.3 give the same logits: dropout does nothing")


@criterion("gpt.mode")
@both_schemes
def check_generate_is_deterministic_and_restores_modes(
    candidate: Candidate, draw: Draw, once: Once, positions: str
) -> None:
    """generate gives the same tokens in whatever mode, and leaves every module's mode and grad mode alone."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case, dropout=0.5)
    idx = draw.tokens(case.vocab, case.batch, 9)
    runs = []
    for mode, grad_mode in (("eval", True), ("train", True), ("train", False), ("mixed", True)):
        candidate.seed = draw.integer(1, 2**31)
        made = model.generate(idx, 8, use_cache=False, mode=mode, grad_mode=grad_mode)
        expect(
            made.modes_changed == 0, f"generate from {mode} mode leaves {made.modes_changed} modules in another mode"
        )
        expect(not made.grad_mode_changed, f"generate changes grad mode (it was {'on' if grad_mode else 'off'})")
        runs.append(made.tokens)
    for again in runs[1:]:
        expect_tokens(again, runs[0], "generate in another mode")
    once(("moves", positions), lambda: expect_moves(model, case, draw))


@criterion("gpt.mode")
@both_schemes
def check_cached_generate_restores_modes(candidate: Candidate, draw: Draw, positions: str) -> None:
    """With a cache, too, generate restores modes, and is the same from train mode where it is so from eval mode."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, 9)

    def made(mode: str) -> Generated:
        """From a fresh model, which has nothing left from a run before."""
        candidate.seed = draw.integer(1, 2**31)
        return RemoteGPT(candidate, case, dropout=0.5).generate(idx, 8, use_cache=True, mode=mode, may_raise=True)

    try:
        one, two = made("eval"), made("eval")
    except CandidateFault:
        return  # the cache's claim, as is what it makes of the tokens
    train = made("train")
    for mode, run in (("eval", one), ("eval", two), ("train", train)):
        changed = run.modes_changed
        expect(changed == 0, f"cached generate from {mode} mode leaves {changed} modules in another mode")
        expect(not run.grad_mode_changed, "cached generate changes grad mode")
    if torch.equal(one.tokens, two.tokens):
        expect_tokens(train.tokens, one.tokens, "cached generate from train mode")


def expect_moves(model: RemoteGPT, case: GPTCase, draw: Draw) -> None:
    """Demand that what generate appends follows prompt and weights where the model's own logits do: canned tokens
    earn nothing, and a live model that says the same to everything is another claim's concern."""
    prompts = draw.tokens(case.vocab, 6, 1, 6)  # each by itself: that rows do not mix is another claim

    def appended() -> list[Tensor]:
        return [model.generate(idx, 6, use_cache=False).tokens[:, 6:] for idx in prompts]

    def best() -> list[int]:
        return [int(model.forward(idx)[0, -1].argmax()) for idx in prompts]

    before = appended()
    if all(torch.equal(one, before[0]) for one in before):
        expect(len(set(best())) == 1, "generate appends the same tokens to every prompt, whatever the logits say")
    own = best()
    model.load(draw.weights(case.config))
    if all(torch.equal(one, two) for one, two in zip(before, appended(), strict=True)):
        expect(own == best(), "generate appends the same tokens whatever the weights")
    model.load(case.weights)


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
    case, idx, want = with_end_tokens(*without_ties(draw, positions, length=8, new=14), start=10)
    model = RemoteGPT(candidate, case)
    for rows in (2, 1):
        got = model.generate(idx[:rows], 14, use_cache=False, strict_dtype=True).tokens
        expect_tokens(got, want[:rows], "greedy generation")
    model.generate(idx, 0, use_cache=False, strict_dtype=True)


@criterion("gpt.window")
@both_schemes
def check_window_slides_past_block_size(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Past block_size each step sees the last block_size tokens, positions counted from 0 in that window."""
    for length in (9, 15):  # one prompt that fills the window on the way, one that is longer than it
        case, idx, want = without_ties(draw, positions, length=length, new=13, block_size=11)
        got = RemoteGPT(candidate, case).generate(idx, 13, use_cache=False).tokens
        expect_tokens(got, want, f"generation past block_size 11 from {length} tokens")


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
