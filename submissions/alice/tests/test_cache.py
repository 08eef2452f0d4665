"""Cached decoding against the full pass: the invariant, and what a cache must look like."""

import pytest
import torch
from test_model import BLOCK, both, build, tokens


def run(model, idx, chunks):
    """Prefill the first chunk, decode the others; all logits side by side."""
    first, *others = idx.split(chunks, dim=1)
    logits, cache = model.prefill(first)
    found = [logits]
    for chunk in others:
        logits, cache = model.decode(chunk, cache)
        found.append(logits)
    return torch.cat(found, 1), cache


@both
@pytest.mark.parametrize("chunks", [[12], [4] + [1] * 8, [3, 5, 1, 3], [1, 11], [1] * 13])
def test_any_chunking_equals_one_full_pass(positions, chunks):
    model, idx = build(positions), tokens(3, sum(chunks))
    with torch.no_grad():
        got, _ = run(model, idx, chunks)
        torch.testing.assert_close(got, model(idx)[0], atol=1e-6, rtol=0)


@both
def test_layout(positions):
    """One (K, V) for each layer, [B, H, T, d], grown along time, prefix kept, no layer shared."""
    model, idx = build(positions), tokens(4, 9)
    with torch.no_grad():
        _, cache = model.prefill(idx[:, :5])
        before = [(k.clone(), v.clone()) for k, v in cache]
        _, cache = model.decode(idx[:, 5:6], cache)
        _, cache = model.decode(idx[:, 6:], cache)
        after, again = list(cache), list(cache)
    assert len(before) == len(after) == len(again) == 2
    for (k0, v0), (k1, v1) in zip(before, after):
        assert k0.shape == v0.shape == (4, 3, 5, 10)
        assert k1.shape == v1.shape == (4, 3, 9, 10)
        assert torch.equal(k1[:, :, :5], k0) and torch.equal(v1[:, :, :5], v0)
    assert not torch.equal(after[0][0], after[1][0])
    assert not torch.equal(after[0][1], after[1][1])


@both
def test_rows_and_generations_do_not_disturb_each_other(positions):
    model, one, two = build(positions), tokens(3, 8, seed=2), tokens(3, 8, seed=3)
    with torch.no_grad():
        caches = {"one": model.prefill(one[:, :4])[1], "two": model.prefill(two[:, :4])[1]}
        for t in range(4, 8):
            for name, idx in (("one", one), ("two", two)):
                got, caches[name] = model.decode(idx[:, t : t + 1], caches[name])
                torch.testing.assert_close(got[:, 0], model(idx[:, : t + 1])[0][:, -1], atol=1e-6, rtol=0)
        alone, _ = run(model, one[1:2], [4, 1, 1, 1, 1])
        together, _ = run(model, one, [4, 1, 1, 1, 1])
    torch.testing.assert_close(alone, together[1:2])


@both
def test_past_block_size_is_a_value_error(positions):
    model, idx = build(positions), tokens(2, BLOCK + 3)
    with torch.no_grad():
        _, cache = model.prefill(idx[:, :BLOCK])
        with pytest.raises(ValueError):
            model.decode(idx[:, :1], cache)
        _, cache = model.prefill(idx[:, : BLOCK - 2])
        with pytest.raises(ValueError):
            model.decode(idx[:, :3], cache)


def test_cached_and_uncached_text_are_equal():
    for positions in ("learned", "rope"):
        model, idx = build(positions, seed=7), tokens(3, 2)
        assert torch.equal(model.generate(idx, 20, use_cache=True), model.generate(idx, 20, use_cache=False))
