"""Claims about the KV cache. Parity is with the submission's own forward, so one bug in the model is paid for once;
but only a live model earns it: one whose finite logits depend on weights and on every earlier token."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, RaisedError
from grader.checks import both_schemes, criterion
from grader.checks.cases import LONGEST, Draw, GPTCase
from grader.checks.check_generate import expect_moves
from grader.checks.check_gpt import (
    MANY_TOKENS,
    STEADY,
    Once,
    expect_sees_prefix,
    in_float64,
    two_passes,
    unusual,
    unusual_sizes,
)
from grader.checks.expect import (
    attempt,
    expect,
    expect_before,
    expect_chosen,
    expect_close,
    expect_finite,
    holds,
    wrong,
)
from grader.checks.remote import RemoteGPT
from grader.models import Evidence, Rubric

Pairs = list[tuple[Tensor, Tensor]]  # (K, V) by layers
KEPT_TOKENS = 7  # of the prefix whose cache is looked at
KEPT = 1e-4  # an entry of a cached prefix may move by this much: rounding
MOVED = 10  # tolerances by which logits move, at the least, with a token before them
DECODED = "[b, decoded t, v]"
VALUE = 1e-3  # what values and logits that are the reference's own may differ by
TIE = 1e-3  # where a submission's own two best logits are nearer than this, either token is right
PIECE, PIECES = 2, 3  # tokens that are generated again without a cache, and how many such pieces between both ends
TIED = 3  # at the most: where all logits are alike, nothing was chosen
EDGES = (64, 128, 256, 512, LONGEST)  # where tiles, pages and buffers end
CHUNKS = [50, 40, 3, 100, 130, 200, 2, 260, 239]  # across each of these, to the last


def live_model(candidate: Candidate, draw: Draw, once: Once, case: GPTCase) -> RemoteGPT:
    """Build the case's model, after the submission has shown that its models are alive.

    It has dropout, in eval mode, which decode must not apply; but none where forward itself does (gpt.mode's claim).
    """

    def demand() -> None:
        mild = draw.gpt(case.config["positions"], "mild")
        model = RemoteGPT(candidate, mild)
        expect_sees_prefix(model, draw)
        for weights in ("*", "blocks.*.attn.qkv.weight"):  # through which each sees the tokens before it
            expect_depends_on(weights, model, draw)

    once(("live", case.config["positions"]), demand)
    return wet_model(candidate, draw, case)


def expect_depends_on(weights: str, model: RemoteGPT, draw: Draw) -> None:
    """Demand that logits are others where those weights are whose names match a glob."""
    idx = draw.tokens(model.case.vocab, 2, draw.integer(5, 12))
    drawn = draw.weights(model.case.config, "mild")
    others = model.case.weights | {name: drawn[name] for name in fnmatch.filter(drawn, weights)}
    other = RemoteGPT(model.candidate, replace(model.case, weights=others))
    both = model.forward(idx), other.forward(idx)
    for logits in both:
        expect_finite(logits, "forward's logits")
    expect(not torch.equal(*both), f"the logits do not depend on {weights}")


def wet_model(candidate: Candidate, draw: Draw, case: GPTCase) -> RemoteGPT:
    """Build the case's model with dropout, but without where it is at work in eval mode."""
    wet, idx = RemoteGPT(candidate, case, dropout=0.2), draw.tokens(case.vocab, 2, draw.integer(5, 12))
    one, two = two_passes(wet, draw, idx)
    if float((one - two).abs().max()) < STEADY:
        return wet
    candidate.pass_over(wrong("with dropout two eval passes differ"), "gpt.mode")
    return RemoteGPT(candidate, case)


def own_logits(model: RemoteGPT, idx: Tensor, changed: int | None = None, atol: float = 0.0) -> Tensor:
    """Give forward's logits; where the first two rows differ in one token, at `changed`, they must do so from there on,
    if not at once: a model without its residuals may attend to others only."""
    logits = model.forward(idx)
    expect_finite(logits, "forward's logits")
    if changed is not None:
        moved = (logits[0] - logits[1]).abs().amax(-1)  # [T]
        later = moved[changed + 1 :]
        what = f"forward's logits do not follow the token at position {changed}"
        expect(float(moved[changed:].max()) > MOVED * atol, what)
        expect(len(later) < 4 or float(later.max()) > MOVED * atol, f"{what} later on")
    return logits


@criterion("cache.prefill")
@both_schemes
def check_prefill_equals_forward(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """prefill's logits equal the submission's own forward, at every position of short prompts and long ones."""
    atol = rubric.tolerances.logits_float32
    short, long = draw.gpt(positions), draw.longest(positions)
    for case, rows, lengths in (
        (short, short.batch, (draw.integer(13, 25), 1, short.block, draw.integer(2, 12), KEPT_TOKENS)),
        (short, draw.integer(6, 20), (draw.integer(2, 20),)),
        (long, 2, (draw.integer(60, 299), draw.integer(300, LONGEST))),
    ):
        model = live_model(candidate, draw, once, case)
        for length in lengths:
            idx, changed = draw.alike(case.vocab, rows, length)
            want = own_logits(model, idx, changed, atol)
            expect_close(model.prefill(idx), want, atol, "a prefill logit", "[b, t, v]", evidence)
        want = own_logits(model, idx[:1])
        expect_close(model.prefill(idx[:1]), want, atol, "a prefill logit of one row", "[b, t, v]", evidence)
        other = wet_model(candidate, draw, GPTCase(case.config, draw.weights(case.config), case.batch))
        want, what = own_logits(other, idx), "a prefill logit of another model for the same tokens"
        expect_close(other.prefill(idx), want, atol, what, "[b, t, v]", evidence)
        other.load(draw.weights(case.config))
        want, what = own_logits(other, idx), "a prefill logit of other weights for the same tokens"
        expect_close(other.prefill(idx), want, atol, what, "[b, t, v]", evidence)
    few = draw.tokens(short.vocab, 2, 2, 9)
    model = live_model(candidate, draw, once, short)
    before, _ = map(model.prefill, few)
    expect_before(candidate, before, "what prefill gave changes when it gives the next: they share memory")
    if double := in_float64(candidate, short, few[0]):
        model, want = double
        got = model.prefill(few[0], strict_dtype=True)
        expect_close(got, want, atol, "a prefill logit in float64", "[b, t, v]", evidence)


@criterion("cache.decode")
@both_schemes
def check_decode_equals_forward(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Decoded one token at a time, the logits equal forward's at every position, up to block_size, again and again,
    whatever weights are loaded or stepped to in between."""
    case, atol = draw.gpt(positions), rubric.tolerances.logits_float32
    model = live_model(candidate, draw, once, case)
    many = draw.integer(6, 20)
    for prompt, length, rows in (
        (draw.integer(3, 7), case.block, case.batch),
        (1, draw.integer(13, 23), case.batch),
        (11, 19, many),
    ):
        idx, changed = draw.alike(case.vocab, rows, length)
        want = own_logits(model, idx, changed, atol)
        got = model.decode_in_chunks(idx, [prompt] + [1] * (length - prompt))
        what = f"a logit decoded after {prompt} tokens"
        expect_close(got, want[:, prompt:], atol, what, DECODED, evidence)
        if prompt == 1:
            model.decay(draw.untold(105, 120) / 100)
        else:
            model.load(draw.weights(case.config))
    idx = draw.tokens(case.vocab, many, 19)
    prompt = draw.integer(9, 13)
    chunks = [prompt] + [1] * (19 - prompt)
    if double := in_float64(candidate, case, idx):
        model, want = double
        got = model.decode_in_chunks(idx, chunks, strict_dtype=True)
        expect_close(got, want[:, prompt:], atol, "a logit decoded in float64", DECODED, evidence)
    for sizes in unusual_sizes(positions):
        other = draw.gpt(positions, **unusual(sizes))
        idx = draw.tokens(other.vocab, many, 19)
        try:
            model = RemoteGPT(candidate, other)
            want = model.forward(idx, may_raise=True)
        except CandidateFault as fault:
            candidate.pass_over(fault, "gpt.logits")
            continue
        got, what = model.decode_in_chunks(idx, chunks), f"with n_layer {sizes[0]}, n_head {sizes[1]},"
        expect_close(got, want[:, prompt:], atol, f"a logit decoded {what}", DECODED, evidence)


@criterion("cache.decode")
@both_schemes
def check_decode_equals_forward_to_the_far_end(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Through all lengths that the contract allows, to 1,024 tokens, one token decoded equals forward."""
    case, atol = draw.longest(positions), rubric.tolerances.logits_float32
    model = live_model(candidate, draw, once, case)
    idx, changed = draw.alike(case.vocab, 2, LONGEST)
    want = own_logits(model, idx, changed, atol)
    few = [(edge - 3, 6) for edge in (*EDGES, draw.integer(260, 1000))]
    for prompt, steps in (*few, (draw.integer(2, 40), draw.integer(140, 210))):
        end = min(prompt + steps, LONGEST)
        got = model.decode_in_chunks(idx[:, :end], [prompt] + [1] * (end - prompt))
        what = f"a logit of {end - prompt} decoded one by one after {prompt} tokens"
        expect_close(got, want[:, prompt:end], atol, what, DECODED, evidence)


@criterion("cache.chunks")
@both_schemes
def check_chunked_decode_equals_forward(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Decoding in chunks of any size gives the logits of one full pass, to the far end of what the contract allows."""
    case, atol = draw.gpt(positions), rubric.tolerances.logits_float32
    model = live_model(candidate, draw, once, case)
    many = draw.integer(16, case.block - 4)
    after_one = [1, draw.integer(2, 9), draw.integer(2, 9)]
    for chunks in (
        [7, 3, 1, 5, 15],
        draw.chunks(case.block),
        after_one,
        [2, case.block - 2],
        [case.block - many, many],
    ):
        idx, changed = draw.alike(case.vocab, case.batch, sum(chunks))
        want = own_logits(model, idx, changed, atol)
        got = model.decode_in_chunks(idx, chunks)
        what = f"a logit decoded in chunks {chunks}"
        expect_close(got, want[:, chunks[0] :], atol, what, DECODED, evidence)
    if double := in_float64(candidate, case, idx):
        model, want = double
        got = model.decode_in_chunks(idx, chunks)
        expect_close(got, want[:, chunks[0] :], atol, "a logit decoded in chunks in float64", DECODED, evidence)
    case = draw.longest(positions)
    model = live_model(candidate, draw, once, case)
    idx, changed = draw.alike(case.vocab, draw.integer(2, 4), LONGEST)
    want = own_logits(model, idx, changed, atol)
    got = model.decode_in_chunks(idx, CHUNKS)
    expect_close(got, want[:, CHUNKS[0] :], atol, f"a logit decoded in chunks {CHUNKS}", DECODED, evidence)


@criterion("cache.generate")
@both_schemes
def check_cached_generation_equals_uncached(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, positions: str
) -> None:
    """generate gives the same tokens with and without the cache, and where neither is asked for; for many tokens too,
    also where the window slides."""
    case = draw.gpt(positions, block_size=17)
    model = live_model(candidate, draw, once, case)
    own_logits(model, *draw.alike(case.vocab, case.batch, draw.integer(8, 16)), rubric.tolerances.logits_float32)
    for length, new in ((5, 12), (13, 2 * case.block), (21, 5), (1, 3), (5, 1), (6, 0)):
        expect_same_with_cache(model, draw, draw.tokens(case.vocab, case.batch, length), new)
    again = draw.tokens(case.vocab, 2, 7)
    by_default, cached = (model.generate(again, 6, use_cache=use_cache).tokens for use_cache in (None, True))
    expect_same_choice(model, by_default, cached)
    for _ in range(2):  # the same prompt, with other weights
        expect_same_with_cache(model, draw, again, 6)
        model.load(draw.weights(case.config))
    expect_same_with_cache(model, draw, draw.tokens(case.vocab, draw.integer(6, 20), 5), 6)
    few = draw.tokens(case.vocab, 2, 5)
    if double := in_float64(candidate, case, few):
        expect_same_with_cache(double[0], draw, few, 5)
    for other in (draw.gpt(positions, vocab_size=MANY_TOKENS), draw.gpt(positions, block_size=1)):
        expect_same_with_cache(RemoteGPT(candidate, other), draw, draw.tokens(other.vocab, 2, 1), 5)
    long, new = draw.longest(positions), draw.integer(60, 250)
    model = live_model(candidate, draw, once, long)
    prompt = draw.tokens(long.vocab, 1, 9)
    expect_same_with_cache(model, draw, prompt, 20)
    tokens = model.generate(prompt, new, use_cache=True).tokens
    expect_own_choice(model, draw, own_logits(model, tokens[:, :-1]), tokens, 9, "cached generation")
    once(("moves", positions), lambda: expect_moves(live_model(candidate, draw, once, case), case, draw))


def expect_same_with_cache(model: RemoteGPT, draw: Draw, idx: Tensor, new: int) -> None:
    """Demand that idx [B, T] goes on with the same tokens with the cache as without."""
    # That it stops at none and knows every token is gpt.greedy's claim; that it slides, gpt.window's.
    others = new == 0 or idx.size(1) + new > model.case.block or model.case.vocab >= MANY_TOKENS
    try:
        uncached = model.generate(idx, new, use_cache=False, may_raise=others)
    except CandidateFault as fault:
        if not others or not model.candidate.is_alive:
            raise
        model.candidate.pass_over(fault, "gpt.greedy", "gpt.window")
        demand = partial(model.generate, idx, new, use_cache=True, may_raise=True)
        if cached := attempt(model.candidate, demand, "gpt.greedy", "gpt.window"):
            expect_best_in_window(model, cached.tokens, idx.size(1))
        return
    model.candidate.seed = draw.untold(1, 2**31)  # what is drawn at random must not agree by chance
    cached = model.generate(idx, new, use_cache=True)
    expect(cached.dtype == uncached.dtype, f"tokens are {cached.dtype} with the cache and {uncached.dtype} without")
    expect_same_choice(model, cached.tokens, uncached.tokens)


def expect_best_in_window(model: RemoteGPT, tokens: Tensor, prompt: int) -> None:
    """Demand that each of tokens [B, T] after the prompt is the best by the submission's own forward over the window
    before it."""
    for at in range(prompt, tokens.size(1)):
        seen = tokens[:, max(0, at - model.case.block) : at + 1]
        expect_chosen(own_logits(model, seen[:, :-1]), seen, seen.size(1) - 1, TIE, "generation with the cache alone")


def expect_own_choice(model: RemoteGPT, draw: Draw, logits: Tensor, tokens: Tensor, prompt: int, what: str) -> None:
    """Demand that tokens [B, T] go on after the prompt with the best by the submission's own logits of the first row,
    [1, T - 1, V]; or, where the best is not what it takes, as they do without a cache."""
    try:
        expect_chosen(logits, tokens[:1], prompt, TIE, what)
    except CandidateFault as fault:
        last = tokens.size(1) - PIECE
        for start in (prompt, last, *(draw.untold(prompt, last) for _ in range(PIECES))):
            uncached = model.generate(tokens[:, :start], PIECE, use_cache=False).tokens
            if not torch.equal(uncached, tokens[:, : start + PIECE]):
                raise
        model.candidate.pass_over(fault, "gpt.greedy")  # whose claim it is that the best is taken


def expect_same_choice(model: RemoteGPT, cached: Tensor, uncached: Tensor) -> None:
    """Demand identical tokens, row by row, but for a tie in the submission's own logits."""
    for row, (one, two) in enumerate(zip(cached, uncached, strict=True)):
        if torch.equal(one, two):
            continue
        at = int((one != two).nonzero()[0])
        logits = own_logits(model, one[None, :at][:, -model.case.block :])[0, -1]
        best = logits > logits.max() - TIE
        if best[one[at]] and best[two[at]] and best.sum() <= TIED:
            continue
        raise wrong(
            f"row {row}: token {at} is {int(one[at])} with the cache and {int(two[at])} without",
            expected=two.tolist(),
            actual=one.tolist(),
            first_divergence=f"row {row}, position {at}",
        )


@criterion("cache.layout")
@both_schemes
def check_cache_has_one_pair_per_layer(candidate: Candidate, draw: Draw, evidence: Evidence, positions: str) -> None:
    """The cache gives one (K, V) per layer, [B, H, T, d] in the model's dtype; it grows and keeps its prefix."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case)
    more = draw.integer(9, case.block - KEPT_TOKENS - 6)  # that the whole block can be used is another claim
    idx, changed = draw.alike(case.vocab, case.batch, KEPT_TOKENS + 5 + more)
    with torch.no_grad():
        want, reference = case.reference().prefill(idx)
    unseen = decoded_unseen(model, idx, [KEPT_TOKENS, 1, 4, more])
    said = model.fill(idx[:, :KEPT_TOKENS])
    after = expect_layout(model, KEPT_TOKENS, evidence)
    expect_not_swapped(after, reference)
    right = says(candidate, said, want[:, :KEPT_TOKENS])
    steps = []
    for length, new in ((KEPT_TOKENS, 1), (KEPT_TOKENS + 1, 4), (KEPT_TOKENS + 5, more)):
        if right:
            expect_own_values(after, reference)
        before = after
        said = model.extend(idx[:, length : length + new], may_raise=True)
        steps.append(said.get("logits", torch.empty(0)))
        right = right and says(candidate, said, want[:, length : length + new])
        after = expect_layout(model, length + new, evidence)
        expect_prefix(before, after)
    if right:
        expect_own_values(after, reference)
    if unseen is not None and [list(x.shape) for x in steps] == [[len(idx), n, case.vocab] for n in (1, 4, more)]:
        what = "a logit decoded after the cache was iterated over"
        expect_close(torch.cat(steps, 1).float(), unseen.float(), VALUE, what, DECODED)
    for layer, (key, value) in enumerate(after):
        expect(not torch.equal(key, value), f"K and V of layer {layer} are the same")
    for layer in range(1, len(after)):
        for name, one, two in zip("KV", after[0], after[layer], strict=True):
            expect(not torch.equal(one, two), f"layers 0 and {layer} share one {name}")
    for layer, pair in enumerate(after):
        for name, tensor in zip("KV", pair, strict=True):
            moved = float((tensor[0] - tensor[1]).abs().max())
            expect(moved > KEPT, f"{name} of layer {layer} does not follow the token at position {changed}")
    for other in (draw.gpt(positions, n_layer=1), draw.gpt(positions, n_head=1), replace(case, batch=1)):
        single = RemoteGPT(candidate, other)
        single.fill(draw.tokens(single.case.vocab, single.case.batch, 5))
        expect_layout(single, 5, {})
    expect_long_layout(candidate, draw, replace(draw.longest(positions), batch=2))
    double = RemoteGPT(candidate, case, torch.float64)
    try:
        double.fill(idx[:, :5], may_raise=True)
    except CandidateFault as fault:
        candidate.pass_over(fault, "gpt.load", "cache.prefill")
        return
    expect_layout(double, 5, {})


def decoded_unseen(model: RemoteGPT, idx: Tensor, chunks: list[int]) -> Tensor | None:
    """Give finite logits of chunks of idx, decoded from a cache that nobody looks at; None where there are none, which
    is another claim."""

    def decoded() -> Tensor:
        logits = model.decode_in_chunks(idx, chunks, "unseen", may_raise=True)
        expect_finite(logits, "decode's logits")
        return logits

    return attempt(model.candidate, decoded, "cache.decode", "cache.chunks")


def expect_long_layout(candidate: Candidate, draw: Draw, case: GPTCase) -> None:
    """Demand the same pairs of a text that is longer than any page, and that they keep their prefix."""
    model, length = RemoteGPT(candidate, case), draw.integer(200, 500)
    idx = draw.tokens(case.vocab, case.batch, length + 4)
    try:
        model.fill(idx[:, :length], may_raise=True)
    except RaisedError as fault:
        candidate.pass_over(fault, "cache.prefill")  # whose claim it is that there is a cache of this many tokens
        return
    before = expect_layout(model, length, {})
    for at, new in ((length, 1), (length + 1, 3)):
        model.extend(idx[:, at : at + new])
        after = expect_layout(model, at + new, {})
        expect_prefix(before, after)


def expect_prefix(before: Pairs, after: Pairs) -> None:
    """Demand that grown pairs begin with those before. Recomputed is kept too, to rounding: what that costs is another
    claim."""
    for layer, (old, grown) in enumerate(zip(before, after, strict=True)):
        for name, was, now in zip("KV", old, grown, strict=True):
            what = f"{name} of layer {layer}: the cached prefix of {was.size(2)} tokens"
            expect_close(now[:, :, : was.size(2)], was, KEPT, what, "[b, h, t, d]")


def expect_layout(model: RemoteGPT, length: int, evidence: Evidence) -> Pairs:
    case = model.case
    pairs, held = model.cache_pairs()
    layers, heads = case.config["n_layer"], case.config["n_head"]
    expect(
        len(pairs) == layers,
        f"the cache gives {len(pairs)} pairs; the model has {layers} layers",
        expected=layers,
        actual=len(pairs),
    )
    shape = [case.batch, heads, length, case.config["n_embd"] // heads]
    for layer, pair in enumerate(pairs):
        for name, tensor in zip("KV", pair, strict=True):
            expect(
                list(tensor.shape) == shape,
                f"{name} of layer {layer} is {list(tensor.shape)} after {length} tokens, not [B, H, T, d] = {shape}",
                expected=shape,
                actual=list(tensor.shape),
            )
            expect(tensor.dtype == model.dtype, f"{name} of layer {layer} has dtype {tensor.dtype}, not {model.dtype}")
            expect_finite(tensor, f"{name} of layer {layer}")
    batch, heads, _, head_size = shape
    sizes = {"batch": batch, "layers": layers, "heads": heads, "head_size": head_size}
    memory: dict[str, Any] = {"T": [], "bytes": [], "held": [], **sizes, "itemsize": pairs[0][0].element_size()}
    found = cast("dict[str, Any]", evidence.setdefault("cache_memory", memory))
    found["T"].append(length)
    found["bytes"].append(sum(tensor.nbytes for pair in pairs for tensor in pair))
    found["held"].append(held if isinstance(held, int) else 0)
    return pairs


def expect_not_swapped(pairs: Pairs, reference: Pairs) -> None:
    """Fail a pair in the order (V, K): the first layer's values are where its keys should be."""
    first, second = pairs[0]
    values = reference[0][1][:, :, : first.size(2)]
    if torch.allclose(first, values, atol=VALUE) and not torch.allclose(second, values, atol=VALUE):
        raise wrong("the pairs come as (V, K), not (K, V)")


def says(candidate: Candidate, out: dict[str, Tensor], want: Tensor) -> bool:
    """Tell whether the logits in a reply are the reference's; that they are is left to other criteria."""
    logits = out.get("logits")
    right = logits is not None and logits.shape == want.shape and torch.allclose(logits.float(), want, atol=VALUE)
    if not right:
        said = wrong("beside the pairs stand logits that are not the reference's")
        candidate.pass_over(said, "gpt.logits", "cache.prefill", "cache.decode", "cache.chunks")
    return right


def expect_own_values(pairs: Pairs, reference: Pairs) -> None:
    """Fail values that are not what the layers attend to, of a model that has said nothing wrong so far: such pairs are
    for show. Keys may be kept unturned, or scaled; values scaled, channel by channel, or without their bias, which
    weights that add up to one let through."""
    for layer, ((_, shown), (_, values)) in enumerate(zip(pairs, reference, strict=True)):
        moved, wanted = (x - x[:1, :, :1] for x in (shown, values[:, :, : shown.size(2)]))  # [B, H, T, d]
        scale = (moved * wanted).sum((0, 2), keepdim=True) / (wanted * wanted).sum((0, 2), keepdim=True)
        error = (moved / scale - wanted).abs().max()
        what = f"V of layer {layer} is not what that layer attends to"
        expect(bool(error < VALUE), what, max_abs_diff=float(error))


@criterion("cache.batch")
@both_schemes
def check_rows_and_generations_do_not_mix(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Rows of a batch do not mix, and generations in turn, of any lengths and models, do not disturb each other."""
    case = draw.gpt(positions)
    model = wet_model(candidate, draw, case)
    prompt = draw.integer(8, case.block - 5)
    length = prompt + 5
    first, second, third, fourth = (draw.tokens(case.vocab, rows, length) for rows in (3, 3, 3, 2))
    first[:, prompt:] = first[:1, prompt:]  # the same tokens in each row
    second[:, prompt:] = first[:, prompt:]  # the same tokens after another prefix
    second[:, prompt - 1] = second[0, prompt - 1]  # which ends alike in each row
    third[:, :prompt] = first[:, :prompt]  # other tokens after the same prefix
    fourth[1, :prompt] = fourth[0, :prompt]  # which two rows have in common
    fifth = draw.tokens(case.vocab, 2, draw.integer(6, prompt))  # of another length, begun while the others go on
    fifth[1, 0] = fifth[0, 0]  # rows that begin alike
    every = {"one": first, "two": second, "three": third, "four": fourth}
    for name, idx in every.items():
        model.fill(idx[:, :prompt], name)
    every["five"] = fifth
    steps: dict[str, list[Tensor]] = {name: [] for name in every}
    for t in range(prompt, length):
        if t == prompt + 2:
            model.fill(fifth[:, :-3], "five")
            if not use_otherwise(model, fifth):
                return
        for name, idx in every.items():
            at = t - length + idx.size(1)
            if name != "five" or t >= prompt + 2:
                steps[name].append(model.decode(idx[:, at : at + 1], name))
    expect_before(candidate, steps["four"][-1], "what decode gave changes when it gives the next: they share memory")
    atol = rubric.tolerances.logits_float32
    together = {name: torch.cat(parts, 1) for name, parts in steps.items()}  # [B, decoded t, V]
    rows = together["one"][:, 0]
    expect(not torch.equal(rows, rows[:1].expand_as(rows)), "decode's logits are the same in each row")
    for name, idx in every.items():
        expect_finite(together[name], "decode's logits")
        new = together[name].size(1)
        for row in range(len(idx)):
            alone = model.decode_in_chunks(idx[row : row + 1], [idx.size(1) - new] + [1] * new, "alone")
            what = f"a logit of row {row}, decoded with other rows and another generation between,"
            expect_close(together[name][row : row + 1], alone, atol, what, DECODED, evidence)
    expect_models_apart(candidate, draw, case, atol)


def expect_models_apart(candidate: Candidate, draw: Draw, case: GPTCase, atol: float) -> None:
    """Demand that models of other weights, or of other sizes, decode in turn as each does alone."""
    width, block = case.config["n_embd"], case.block + 6
    others = (
        replace(case, weights=draw.weights(case.config)),
        draw.gpt(case.config["positions"], n_layer=1, n_head=1, n_embd=width + 2, block_size=block),
    )
    models, prompt, new = [RemoteGPT(candidate, one) for one in (case, *others)], draw.integer(5, 12), 4
    texts = [draw.tokens(model.case.vocab, 2, prompt + new) for model in models]
    chunks = [prompt] + [1] * new
    alone = attempt(
        candidate,
        lambda: [m.decode_in_chunks(idx, chunks, may_raise=True) for m, idx in zip(models, texts, strict=True)],
        "cache.decode",
    )
    if alone is None:
        return
    for number, (model, idx) in enumerate(zip(models, texts, strict=True)):
        model.fill(idx[:, :prompt], f"of model {number}")
    steps: list[list[Tensor]] = [[] for _ in models]
    for t in range(prompt, prompt + new):
        for number, (model, idx) in enumerate(zip(models, texts, strict=True)):
            steps[number].append(model.decode(idx[:, t : t + 1], f"of model {number}"))
    for number, (got, want) in enumerate(zip(steps, alone, strict=True)):
        what = f"a logit of model {number + 1} of {len(models)}, decoded in turn with the others,"
        expect_close(torch.cat(got, 1), want, atol, what, DECODED)


def use_otherwise(model: RemoteGPT, idx: Tensor) -> bool:
    """Generate with and without a cache and run a pass, in eval mode again, whatever comes of it; give whether the
    process lives on."""
    generate = partial(model.generate, idx, 2, may_raise=True)
    for demand in (
        partial(generate, use_cache=False),
        partial(generate, use_cache=True),
        partial(model.run, idx, may_raise=True),
    ):
        if not holds(model.candidate, demand, "gpt.logits", "gpt.greedy", "cache.generate"):
            break
    return model.candidate.is_alive


@criterion("cache.bounds")
@both_schemes
def check_past_block_size_is_a_value_error(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Up to block_size everything works; one token more is a ValueError from forward, prefill and decode."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case)
    RemoteGPT(candidate, draw.gpt(positions, block_size=case.block + 50))  # whose own bounds are none of this one's
    block = case.block
    idx = draw.tokens(case.vocab, 2, block + 3)
    beyond = idx[:, : block + 1]
    model.run(idx[:, :block])
    expect_value_error(f"forward of {block + 1} tokens", lambda: model.run(beyond, may_raise=True))
    expect_value_error(
        f"forward of {block + 1} tokens and targets", lambda: model.run(beyond, targets="alike", may_raise=True)
    )
    expect_value_error(f"prefill of {block + 1} tokens", lambda: model.fill(beyond, "x", may_raise=True))
    model.fill(idx[:, : block - 1], "full")
    model.extend(idx[:, block - 1 : block], "full")
    expect_value_error("decode past a full cache", lambda: model.extend(idx[:, :1], "full", may_raise=True))
    model.fill(idx[:, : block - 2], "chunk")
    expect_value_error("decode of 3 tokens with room for 2", lambda: model.extend(idx[:, :3], "chunk", may_raise=True))


def expect_value_error(what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except RaisedError as error:
        if error.is_value_error:
            return
        raise wrong(
            f"{what} raises something else than ValueError: {error.message}", error=error.evidence["error"]
        ) from None
    raise wrong(f"{what} raises nothing; ValueError is agreed (block_size is the limit)")
