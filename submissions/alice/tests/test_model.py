"""The repaired model against a naive one, and the small truths that localise a bug."""

import math

import pytest
import torch
from minigpt import GPTConfig, MiniGPT
from naive import logits as naive_logits

V, BLOCK = 17, 13


def build(positions="learned", dropout=0.0, seed=0, block=BLOCK):
    """A model whose attention is sharp enough to matter, in float64. B, T, H, d, L are all different."""
    torch.manual_seed(seed)
    model = MiniGPT(
        GPTConfig(
            vocab_size=V, block_size=block, n_layer=2, n_head=3, n_embd=30, dropout=dropout, positions=positions
        )
    ).double()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "ln_" in name:
                p.add_(0.3 * torch.randn_like(p))
            elif name.endswith("bias"):
                p.copy_(0.2 * torch.randn_like(p))
            elif "emb" in name:
                p.copy_(torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (1.5 if "qkv" in name else 1.0) / math.sqrt(p.shape[1]))
    return model.eval()


def tokens(*shape, seed=1):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


both = pytest.mark.parametrize("positions", ["learned", "rope"])


@both
def test_logits_equal_the_naive_model(positions):
    """Mask, scale, heads, softmax axis, positions, norms, residuals and GELU, all at once."""
    model, idx = build(positions), tokens(4, 7)
    got, loss = model(idx)
    assert loss is None
    assert got.shape == (4, 7, V)
    torch.testing.assert_close(got, naive_logits(model, idx), atol=1e-6, rtol=0)


@both
def test_logits_hold_up_to_block_size(positions):
    model, idx = build(positions), tokens(1, BLOCK)
    torch.testing.assert_close(model(idx)[0], naive_logits(model, idx), atol=1e-6, rtol=0)


@both
def test_a_later_token_moves_no_earlier_logit(positions):
    model, idx = build(positions), tokens(2, 9)
    before = model(idx)[0]
    for t in range(9):
        changed = idx.clone()
        changed[:, t] = (changed[:, t] + 1) % V
        after = model(changed)[0]
        torch.testing.assert_close(after[:, :t], before[:, :t], atol=1e-9, rtol=0)
        assert (after[:, t:] - before[:, t:]).abs().amax(dim=(0, 2)).gt(1e-9).all()


def test_order_matters():
    """Without positions the last logit would be the same for any order of the tokens before it."""
    for positions in ("learned", "rope"):
        model, idx = build(positions), torch.tensor([[1, 2, 3, 4, 5]])
        assert (model(idx)[0][:, -1] - model(idx[:, [2, 1, 0, 3, 4]])[0][:, -1]).abs().max() > 1e-4


def test_rows_of_a_batch_do_not_mix():
    model, idx = build(), tokens(4, 6)
    torch.testing.assert_close(model(idx[2:3])[0], model(idx)[0][2:3])


@both
def test_loss_by_hand(positions):
    """Unshifted targets; the model shifts; mean over B * (T - 1) of minus log probability."""
    model, idx = build(positions), tokens(3, 6)
    got, loss = model(idx, idx)
    logp = got - torch.logsumexp(got, dim=-1, keepdim=True)
    total = -sum(logp[b, t, idx[b, t + 1]] for b in range(3) for t in range(5))
    torch.testing.assert_close(loss, total / 15)


def test_loss_gradient_is_that_of_the_value():
    model, idx = build(), tokens(3, 6)
    _, loss = model(idx, idx)
    loss.backward()
    weight = model.head.weight
    slope, step = weight.grad[5, 7].item(), 1e-5
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[5, 7] += sign * step
            values.append(model(idx, idx)[1].item())
            weight[5, 7] -= sign * step
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_loss_of_a_uniform_model_is_log_v():
    model, idx = build(), tokens(2, 5)
    with torch.no_grad():
        model.head.weight.zero_()
    assert model(idx, idx)[1].item() == pytest.approx(math.log(V))


def test_dropout_acts_in_train_mode_only():
    idx = tokens(2, 8)
    plain, dropping = build(dropout=0.0), build(dropout=0.5)
    dropping.load_state_dict(plain.state_dict())
    torch.testing.assert_close(dropping(idx)[0], plain(idx)[0])
    dropping.train()
    assert not torch.equal(dropping(idx)[0], dropping(idx)[0])
    dropping.eval()
    assert torch.equal(dropping(idx)[0], dropping(idx)[0])


def test_every_dropout_is_gated_by_the_mode():
    """Prefill and decode too: a functional dropout without training= would show here."""
    model, idx = build(dropout=0.4), tokens(2, 6)
    first, cache = model.prefill(idx)
    assert torch.equal(first, model.prefill(idx)[0])
    torch.testing.assert_close(first, model(idx)[0])
    again = model.decode(idx[:, :1], cache)[0]
    torch.testing.assert_close(again, model.decode(idx[:, :1], model.prefill(idx)[1])[0])


def test_parameters_follow_the_contract():
    names = {name: tuple(p.shape) for name, p in build().state_dict().items()}
    assert names["tok_emb.weight"] == (V, 30) and names["pos_emb.weight"] == (BLOCK, 30)
    assert names["blocks.1.attn.qkv.weight"] == (90, 30) and names["blocks.0.mlp.fc.weight"] == (120, 30)
    assert "pos_emb.weight" not in build("rope").state_dict()


def test_too_long_is_a_value_error():
    model = build()
    with pytest.raises(ValueError):
        model(tokens(1, BLOCK + 1))
    with pytest.raises(ValueError):
        model.prefill(tokens(1, BLOCK + 1))
