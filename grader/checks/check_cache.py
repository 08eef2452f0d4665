"""Claims about the KV cache. Parity is with the submission's own forward, so one bug in the model is paid for once;
but only a live model earns it: one whose finite logits depend on weights and on every earlier token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from grader.candidate import Candidate, RaisedError
from grader.checks import both_schemes, criterion
from grader.checks.cases import Draw, GPTCase
from grader.checks.check_gpt import Once, expect_moves, expect_sees_prefix
from grader.checks.expect import expect, expect_close, expect_finite, wrong
from grader.checks.remote import RemoteGPT
from grader.models import Evidence, Rubric

KEPT = 1e-4  # an entry of a cached prefix may move by this much: rounding
DECODED = "[b, decoded t, v]"
TIE = 1e-3  # where a submission's own two best logits are nearer than this, either token is right


def live_model(candidate: Candidate, draw: Draw, once: Once, case: GPTCase) -> RemoteGPT:
    """Build the case's model, after the submission has shown that its models are alive.

    It has dropout, in eval mode, which decode must not apply; but none where forward itself does (gpt.mode's claim).
    """

    def demand() -> None:
        mild = draw.gpt(case.config["positions"], "mild")
        model = RemoteGPT(candidate, mild)
        expect_sees_prefix(model, draw)
        idx = draw.tokens(mild.vocab, 2, 6)
        before = model.forward(idx)
        model.load(draw.weights(mild.config, "mild"))
        expect(not torch.equal(before, model.forward(idx)), "the logits do not depend on the weights")

    once(("live", case.config["positions"]), demand)
    wet, idx = RemoteGPT(candidate, case, dropout=0.2), draw.tokens(case.vocab, 2, 6)
    passes = []
    for _ in range(2):
        candidate.seed = draw.integer(1, 2**31)
        passes.append(wet.forward(idx))
    return wet if torch.equal(*passes) else RemoteGPT(candidate, case)


def own_logits(model: RemoteGPT, idx: Tensor) -> Tensor:
    logits = model.forward(idx)
    expect_finite(logits, "forward's logits")
    return logits


@criterion("cache.prefill")
@both_schemes
def check_prefill_equals_forward(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """prefill's logits equal the submission's own forward, at every position."""
    case = draw.gpt(positions)
    model = live_model(candidate, draw, once, case)
    for length in (draw.integer(13, 25), 1, case.block):
        idx = draw.tokens(case.vocab, case.batch, length)
        want = own_logits(model, idx)
        expect_close(
            model.prefill(idx), want, rubric.tolerances.logits_float32, "a prefill logit", "[b, t, v]", evidence
        )


@criterion("cache.decode")
@both_schemes
def check_decode_equals_forward(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Decoded one token at a time, the logits equal forward's at every position, up to block_size, again and again."""
    case = draw.gpt(positions)
    model = live_model(candidate, draw, once, case)
    for prompt, length in ((draw.integer(3, 7), case.block), (1, draw.integer(13, 23)), (11, 19)):
        idx = draw.tokens(case.vocab, case.batch, length)
        want = own_logits(model, idx)
        got = model.decode_in_chunks(idx, [prompt] + [1] * (length - prompt))
        what = f"a logit decoded after {prompt} tokens"
        expect_close(got, want[:, prompt:], rubric.tolerances.logits_float32, what, DECODED, evidence)


@criterion("cache.chunks")
@both_schemes
def check_chunked_decode_equals_forward(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Decoding in chunks of any size gives the logits of one full pass."""
    case = draw.gpt(positions)
    model = live_model(candidate, draw, once, case)
    for chunks in ([7, 3, 1, 5, 15], draw.chunks(case.block), [2, case.block - 2]):
        idx = draw.tokens(case.vocab, case.batch, sum(chunks))
        want = own_logits(model, idx)
        got = model.decode_in_chunks(idx, chunks)
        what = f"a logit decoded in chunks {chunks}"
        expect_close(got, want[:, chunks[0] :], rubric.tolerances.logits_float32, what, DECODED, evidence)


@criterion("cache.generate")
@both_schemes
def check_cached_generation_equals_uncached(candidate: Candidate, draw: Draw, once: Once, positions: str) -> None:
    """generate gives the same tokens with and without the cache, also where the window slides."""
    case = draw.gpt(positions, block_size=17)
    model = live_model(candidate, draw, once, case)
    for length, new in ((5, 12), (13, 16), (21, 5), (1, 3)):
        idx = draw.tokens(case.vocab, case.batch, length)
        slides = length + new > case.block
        try:
            uncached = model.generate(idx, new, use_cache=False, may_raise=slides).tokens
        except RaisedError:
            if slides:
                continue  # that it slides at all is gpt.window's claim
            raise
        candidate.seed = draw.integer(1, 2**31)  # what is drawn at random must not agree by chance
        cached = model.generate(idx, new, use_cache=True).tokens
        expect_same_choice(model, cached, uncached)
    once(("moves", positions), lambda: expect_moves(model, case, draw))


def expect_same_choice(model: RemoteGPT, cached: Tensor, uncached: Tensor) -> None:
    """Demand identical tokens, row by row, but for a tie in the submission's own logits."""
    for row, (one, two) in enumerate(zip(cached, uncached, strict=True)):
        if torch.equal(one, two):
            continue
        at = int((one != two).nonzero()[0])
        logits = own_logits(model, one[None, :at][:, -model.case.block :])[0, -1]
        if abs(float(logits[one[at]] - logits[two[at]])) < TIE and bool(logits[one[at]] > logits.max() - TIE):
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
    idx = draw.tokens(case.vocab, case.batch, 12)
    model.fill(idx[:, :7])
    after = expect_layout(model, 7, evidence)
    for length, new in ((7, 1), (8, 4)):
        before = after
        model.extend(idx[:, length : length + new])
        after = expect_layout(model, length + new, evidence)
        for layer, (old, grown) in enumerate(zip(before, after, strict=True)):
            for name, was, now in zip("KV", old, grown, strict=True):
                # Recomputed is kept too, to rounding: what that costs is another claim.
                what = f"{name} of layer {layer}: the cached prefix"
                expect_close(now[:, :, :length], was, KEPT, what, "[b, h, t, d]")
    for layer in range(1, len(after)):
        for name, one, two in zip("KV", after[0], after[layer], strict=True):
            expect(not torch.equal(one, two), f"layers 0 and {layer} share one {name}")
    expect_not_swapped(case, idx, after)


def expect_layout(model: RemoteGPT, length: int, evidence: Evidence) -> list[tuple[Tensor, Tensor]]:
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


def expect_not_swapped(case: GPTCase, idx: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> None:
    """Fail a pair in the order (V, K): the first layer's values are where its keys should be."""
    with torch.no_grad():
        _, reference = case.reference().prefill(idx)
    first, second = pairs[0]
    values = reference[0][1]
    if torch.allclose(first, values, atol=1e-3) and not torch.allclose(second, values, atol=1e-3):
        raise wrong("the pairs come as (V, K), not (K, V)")


@criterion("cache.batch")
@both_schemes
def check_rows_and_generations_do_not_mix(
    candidate: Candidate, draw: Draw, once: Once, rubric: Rubric, evidence: Evidence, positions: str
) -> None:
    """Rows of a batch do not mix, and two generations in turn do not disturb each other."""
    case = draw.gpt(positions)
    model = live_model(candidate, draw, once, case)
    length, prompt = 13, 6
    first, second = draw.tokens(case.vocab, 3, length), draw.tokens(case.vocab, 3, length)
    second[:, prompt:] = first[:, prompt:]  # the same tokens after another prefix
    model.fill(first[:, :prompt], "one")
    model.fill(second[:, :prompt], "two")
    steps: dict[str, list[Tensor]] = {"one": [], "two": []}
    for t in range(prompt, length):
        for name, idx in (("one", first), ("two", second)):
            steps[name].append(model.decode(idx[:, t : t + 1], name))
    atol = rubric.tolerances.logits_float32
    together = {name: torch.cat(parts, 1) for name, parts in steps.items()}  # [B, length - prompt, V]
    expect(not torch.equal(together["one"], together["two"]), "decode's logits do not depend on the cached prefix")
    for name, idx in (("one", first), ("two", second)):
        expect_finite(together[name], "decode's logits")
        for row in range(3):
            alone = model.decode_in_chunks(idx[row : row + 1], [prompt] + [1] * (length - prompt), "alone")
            what = f"a logit of row {row}, decoded with other rows and another generation between,"
            expect_close(together[name][row : row + 1], alone, atol, what, DECODED, evidence)


@criterion("cache.bounds")
@both_schemes
def check_past_block_size_is_a_value_error(candidate: Candidate, draw: Draw, positions: str) -> None:
    """Up to block_size everything works; one token more is a ValueError from forward, prefill and decode."""
    case = draw.gpt(positions)
    model = RemoteGPT(candidate, case)
    block = case.block
    idx = draw.tokens(case.vocab, 2, block + 3)
    expect_finite(model.forward(idx[:, :block]), "forward's logits")
    expect_value_error(f"forward of {block + 1} tokens", lambda: model.forward(idx[:, : block + 1], may_raise=True))
    expect_value_error(f"prefill of {block + 1} tokens", lambda: model.fill(idx[:, : block + 1], "x", may_raise=True))
    model.fill(idx[:, : block - 1], "full")
    expect_finite(model.decode(idx[:, block - 1 : block], "full"), "decode's logits")
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
