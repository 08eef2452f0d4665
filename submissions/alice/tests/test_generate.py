"""Greedy generation: which token, which mode, which window."""

import pytest
import torch
from naive import logits as naive_logits
from test_model import BLOCK, both, build, tokens


def greedy(model, idx, new):
    """Generate by the naive model: the last BLOCK tokens, positions from 0, the best of the last row."""
    for _ in range(new):
        best = naive_logits(model, idx[:, -BLOCK:])[:, -1].argmax(-1, keepdim=True)
        idx = torch.cat([idx, best], 1)
    return idx


def expect_greedy(model, idx, new):
    want = greedy(model, idx, new)
    for use_cache in (True, False):
        assert torch.equal(model.generate(idx, new, use_cache=use_cache), want)


@both
def test_generate_equals_naive_greedy(positions):
    expect_greedy(build(positions, seed=3), tokens(2, 4), 5)


@both
def test_window_slides_past_block_size(positions):
    """Up to block_size, over it, and from a prompt that is longer than the window."""
    for seed, length, new in ((4, BLOCK - 2, 5), (6, BLOCK + 4, 2)):
        expect_greedy(build(positions, seed=seed), tokens(1, length, seed=seed), new)


@pytest.mark.parametrize("use_cache", [True, False])
def test_generate_is_deterministic_in_train_mode_and_restores_modes(use_cache):
    model, idx = build(dropout=0.5), tokens(2, 4)
    want = model.generate(idx, 7, use_cache=use_cache)
    model.train()
    model.blocks[1].eval()
    modes = [module.training for module in model.modules()]
    assert torch.equal(model.generate(idx, 7, use_cache=use_cache), want)
    assert [module.training for module in model.modules()] == modes
    model.eval()
    model.generate(idx, 2, use_cache=use_cache)
    assert not any(module.training for module in model.modules())
    assert torch.is_grad_enabled()


def test_shape_dtype_prompt_and_nothing_to_do():
    model, idx = build(), tokens(2, 5)
    out = model.generate(idx, 3)
    assert out.shape == (2, 8) and out.dtype == torch.int64
    assert torch.equal(out[:, :5], idx)
    assert torch.equal(model.generate(idx, 0), idx)
