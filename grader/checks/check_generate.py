"""Claims about generation without a cache: which token, which window, which mode, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from pydantic import JsonValue
from torch import Tensor

from grader import fixtures
from grader.candidate import Candidate, CandidateFault, RaisedError
from grader.checks import both_schemes, criterion
from grader.checks.cases import Draw, GPTCase
from grader.checks.check_gpt import MANY_TOKENS, NOISE, STEADY, Once, expect_dropout, logits_of, two_passes
from grader.checks.expect import (
    attempt,
    expect,
    expect_before,
    expect_chosen,
    expect_close,
    expect_finite,
    expect_tokens,
    holds,
    presupposing,
    wrong,
)
from grader.checks.remote import Generated, RemoteGPT
from grader.models import Evidence, jsonable

TEXT = 18  # characters of each golden text that are generated: enough to read
SAME = 1e-3  # what one computation done twice may differ by, relative to its largest entry: rounding
FAINT = 2.0**-13  # by which logits are multiplied without rounding: which is best stays, what is drawn does not
TIE = 4e-3  # two best logits of a fresh model nearer than this are drawn again


@criterion("gpt.mode")
@both_schemes
def check_generate_is_deterministic_and_restores_modes(
    candidate: Candidate, draw: Draw, once: Once, positions: str
) -> None:
    """generate gives the same tokens in whatever mode, and leaves every module's mode, grad mode and dropout alone."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case, dropout=0.5)
    idx, new = draw.tokens(case.vocab, case.batch, draw.integer(7, 12)), draw.integer(9, 20)
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
    expect_nothing_restores(model, idx, use_cache=False)
    expect_no_graph(model, idx, use_cache=False)
    expect_calm_where_it_slides(candidate, draw, positions, use_cache=False)


def expect_no_graph(model: RemoteGPT, idx: Tensor, use_cache: bool) -> None:
    """Demand that generate keeps nothing for a backward pass, whatever grad mode it is called in."""
    try:
        saved = model.kept_for_backward(idx, use_cache)
    except RaisedError:
        return  # it cannot be watched: torch.func bears no hooks
    expect(saved == 0, f"generate runs with gradients: it keeps {saved} tensors for a backward pass")


def expect_nothing_restores(model: RemoteGPT, idx: Tensor, use_cache: bool) -> None:
    """Demand that generate of no tokens leaves modes alone, where it works."""
    nothing = partial(model.generate, idx, 0, use_cache=use_cache, may_raise=True)
    if holds(model.candidate, nothing, "gpt.greedy", *["cache.generate"] * use_cache):
        expect_restored(model.generate(idx, 0, use_cache=use_cache, mode="train"), "generate of 0 tokens")


@criterion("gpt.mode")
@both_schemes
def check_generate_leaves_a_model_that_can_be_trained(candidate: Candidate, draw: Draw, positions: str) -> None:
    """A model whose first call was generate has the gradients of one that has not generated."""
    case = draw.gpt(positions)
    idx = draw.tokens(case.vocab, case.batch, draw.integer(7, 12))
    with presupposing(candidate, "a model that has not generated has no gradients either", "gpt.loss"):
        want = RemoteGPT(candidate, case).gradients(idx)
    for use_cache in (False, True):
        model = RemoteGPT(candidate, case)
        try:
            model.generate(idx, 2, use_cache=use_cache, may_raise=use_cache)
        except CandidateFault as fault:
            if not use_cache or not candidate.is_alive:
                raise
            candidate.pass_over(fault, "gpt.greedy", "cache.generate")
            return
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
    idx, new = draw.tokens(case.vocab, case.batch, draw.integer(7, 12)), draw.integer(9, 20)

    def made(mode: str, grad_mode: bool = True, may_raise: bool = False) -> Generated:
        """From a fresh model, which has nothing left from a run before."""
        candidate.seed = draw.untold(1, 2**31)
        model = RemoteGPT(candidate, case, dropout=0.5)
        return model.generate(idx, new, use_cache=True, mode=mode, grad_mode=grad_mode, may_raise=may_raise)

    with presupposing(candidate, "generation with a cache fails", "gpt.greedy", "cache.generate"):
        runs = {"eval": made("eval", may_raise=True)}
    runs |= {mode: made(mode, grad_mode=mode != "train") for mode in ("train", "mixed", "inner")}
    for mode, run in runs.items():
        expect_restored(run, f"cached generate from {mode} mode")
        expect_tokens(run.tokens, runs["eval"].tokens, f"cached generate from {mode} mode")
    model = RemoteGPT(candidate, case, dropout=0.5)
    expect_mode_acts(model, draw, idx, use_cache=True)
    expect_nothing_restores(model, idx, use_cache=True)
    expect_no_graph(model, idx, use_cache=True)
    expect_calm_where_it_slides(candidate, draw, positions, use_cache=True)


def expect_calm_where_it_slides(candidate: Candidate, draw: Draw, positions: str, use_cache: bool) -> None:
    """Demand that past block_size, too, generate gives the same tokens in whatever mode, builds no graph, and leaves
    modes as they were."""
    case = draw.gpt(positions, block_size=11)
    idx = draw.tokens(case.vocab, 2, case.block)
    candidate.seed = draw.untold(1, 2**31)
    model = RemoteGPT(candidate, case, dropout=0.5)
    slides = partial(model.generate, idx, 6, use_cache=use_cache, may_raise=True)
    calm = attempt(candidate, slides, "gpt.greedy", "gpt.window", *["cache.generate"] * use_cache)
    if calm is None:
        return
    expect_restored(calm, "generate past block_size from eval mode")
    candidate.seed = draw.untold(1, 2**31)
    other = RemoteGPT(candidate, case, dropout=0.5)
    made = other.generate(idx, 6, use_cache=use_cache, mode="train")
    expect_restored(made, "generate past block_size from train mode")
    expect_tokens(made.tokens, calm.tokens, "generate past block_size in another mode")
    expect_no_graph(other, idx, use_cache)


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
    any other, from one token or many, where no logit is positive and where all are near each other; max_new_tokens=0
    gives the prompt back."""
    case, idx, want = with_end_tokens(*without_ties(draw, positions, length=8, new=26), start=10)
    model = RemoteGPT(candidate, case)
    got = model.generate(idx, 26, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want, "greedy generation")
    got = model.generate(idx[:1], 26, use_cache=False, strict_dtype=True).tokens  # what ends a text ends none by itself
    expect_tokens(got, want[:1], "greedy generation of one row")
    faint = replace(case, weights=case.weights | {"head.weight": FAINT * case.weights["head.weight"]})
    got = RemoteGPT(candidate, faint).generate(idx, 26, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want, "greedy generation from logits that are near each other")
    rows = draw.integer(3, 8)
    got = model.generate(idx.repeat(rows, 1), 5, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want[:, : 8 + 5].repeat(rows, 1), f"greedy generation of {2 * rows} rows")
    before, _ = (model.generate(prompt, 2, use_cache=False).tokens for prompt in (idx, idx.flip(0)))
    expect_before(candidate, before, "what generate gave changes when it gives the next: they share memory")
    model.generate(idx, 0, use_cache=False, strict_dtype=True)
    # Far on: a small model, for one that is right may go from query to query in Python.
    many = draw.integer(50, 200)
    far = draw.gpt(positions, block_size=8 + many, n_layer=2, n_head=2, n_embd=20)
    for case, rows, length, new in (
        (far, 1, 8, many),
        (draw.longest(positions), 2, draw.integer(260, 1000), 4),
        (without_positive_logits(draw.gpt(positions)), 3, 1, 6),
    ):
        idx = draw.tokens(case.vocab, rows, length)
        got = RemoteGPT(candidate, case).generate(idx, new, use_cache=False, strict_dtype=True).tokens
        logits = logits_of(case, got[:, :-1], torch.float64)
        expect_chosen(logits, got, length, TIE, "greedy generation")
    case, idx, want = without_ties(draw, positions, length=5, new=5, vocab_size=MANY_TOKENS)
    got = RemoteGPT(candidate, case).generate(idx, 5, use_cache=False, strict_dtype=True).tokens
    expect_tokens(got, want, f"greedy generation from a vocabulary of {MANY_TOKENS:,}")


@criterion("gpt.window")
@both_schemes
def check_window_slides_past_block_size(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Past block_size each step sees the last block_size tokens, positions counted from 0 in that window; with the
    cache, too."""
    block = draw.integer(33, 130)
    slides = []
    # One prompt that fills the window on the way, one that is longer than it, the shortest window, and a long one.
    for length, new, size in ((9, 17, 11), (15, 13, 11), (2, 4, 1), (block - 2, 6, block)):
        case, idx, want = without_ties(draw, positions, length=length, new=new, block_size=size)
        model, what = RemoteGPT(candidate, case), f"generation past block_size {size} from {length} tokens"
        expect_tokens(model.generate(idx, new, use_cache=False).tokens, want, what)
        if size == block:
            continue
        times = draw.integer(3, 8)
        for some, wanted in ((idx[:1], want[:1]), (idx.repeat(times, 1), want.repeat(times, 1))):
            expect_tokens(model.generate(some, new, use_cache=False).tokens, wanted, f"{len(some)} rows of {what}")
        slides.append((case, idx, want, f"with the cache {what}"))
    fits = without_ties(draw, positions, length=4, new=7, block_size=11)
    others = ("gpt.logits", "gpt.greedy", "cache.prefill", "cache.decode", "cache.generate")
    if holds(candidate, partial(expect_decoded, candidate, *fits), *others):
        for slide in slides:
            expect_cached(candidate, *slide)


def expect_decoded(candidate: Candidate, case: GPTCase, idx: Tensor, want: Tensor) -> None:
    """Demand that a cache works within the block: as tokens wanted [B, T + new] after idx [B, T], and as the logits of
    the submission's own forward, where a mistake shows that tokens may not tell."""
    expect_cached(candidate, case, idx, want, "cached generation")
    model, prompt = RemoteGPT(candidate, case), idx.size(1)
    got = model.decode_in_chunks(want, [prompt] + [1] * (want.size(1) - prompt))
    expect_close(got, model.forward(want)[:, prompt:], STEADY, "a decoded logit")


def expect_cached(candidate: Candidate, case: GPTCase, idx: Tensor, want: Tensor, what: str) -> None:
    """Demand that generation with the cache goes on after idx [B, T] as wanted [B, T + new]."""
    got = RemoteGPT(candidate, case).generate(idx, want.size(1) - idx.size(1), use_cache=True)
    expect_tokens(got.tokens, want, what)


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


def without_positive_logits(case: GPTCase) -> GPTCase:
    """Lower all logits alike, by one channel that is the same for every token."""
    weights = {name: w.clone() for name, w in case.weights.items()}
    weights["ln_f.weight"][0], weights["ln_f.bias"][0] = 0, 5
    weights["head.weight"][:, 0] = -10
    return replace(case, weights=weights)


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
