"""Mini-GPT in the manner of JAX: parameters of all layers stacked on a leading axis, and one `scan` over it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_map


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


def scan(f, carry, xs):
    """jax.lax.scan: carry, x -> carry, y; xs is a tree of tensors with a leading axis, ys come back stacked."""
    leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(xs)]
    ys = []
    for i in range(leaves[0].size(0)):
        carry, y = f(carry, tree_map(lambda leaf: leaf[i], xs))
        ys.append(y)
    return carry, tree_map(lambda *same: torch.stack(same), ys[0], *ys[1:])


def norm(x, p):
    return F.layer_norm(x, x.shape[-1:], p["weight"], p["bias"], 1e-5)


def dense(x, p):
    return torch.einsum("...i,oi->...o", x, p["weight"]) + p["bias"]


def rope(x, start):
    """x [B, T, H, d]"""
    d = x.size(-1)
    p = torch.arange(start, start + x.size(1), dtype=x.dtype, device=x.device)
    angle = p[:, None, None] * 10000.0 ** (-torch.arange(0, d, 2, dtype=x.dtype, device=x.device) / d)  # [T, 1, d/2]
    one, two = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([one * angle.cos() - two * angle.sin(), two * angle.cos() + one * angle.sin()], -1)


def nest(flat):
    """{'a.b': x} -> {'a': {'b': x}}"""
    tree = {}
    for name, leaf in flat.items():
        node = tree
        *path, last = name.split(".")
        for step in path:
            node = node.setdefault(step, {})
        node[last] = leaf
    return tree


class Bag(nn.Module):
    """Names for parameters, nothing else."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def block_bag(C):
    return Bag(
        ln_1=nn.LayerNorm(C),
        attn=Bag(qkv=nn.Linear(C, 3 * C), proj=nn.Linear(C, C)),
        ln_2=nn.LayerNorm(C),
        mlp=Bag(fc=nn.Linear(C, 4 * C), proj=nn.Linear(4 * C, C)),
    )


class Cache:
    """kv [L, 2, B, T, H, d]: a single array, as scan gives it."""

    def __init__(self, kv):
        self.kv = kv

    def __iter__(self):
        for layer in self.kv.transpose(3, 4):
            yield tuple(layer)


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = replace(config)
        C = config.n_embd
        self.tok_emb = nn.Embedding(config.vocab_size, C)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, C)
        self.blocks = nn.ModuleList([block_bag(C) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(C)
        self.head = nn.Linear(C, config.vocab_size, bias=False)

    def _apply_model(self, idx, past):
        c = self.config
        B, T = idx.shape
        start = 0 if past is None else past.size(3)
        if start + T > c.block_size:
            raise ValueError("sequence is longer than block_size")
        drop = (lambda x: F.dropout(x, c.dropout)) if self.training else (lambda x: x)
        here = torch.arange(start, start + T, device=idx.device)
        hidden = torch.arange(start + T, device=idx.device)[None, :] > here[:, None]

        def layer(x, inputs):
            p, old = inputs["params"], inputs.get("past")
            q, k, v = torch.einsum(
                "btc,nhdc->nbthd", norm(x, p["ln_1"]), p["attn"]["qkv"]["weight"].unflatten(0, (3, c.n_head, -1))
            ) + p["attn"]["qkv"]["bias"].unflatten(0, (3, 1, 1, c.n_head, -1))
            if c.positions == "rope":
                q, k = rope(q, start), rope(k, start)
            kv = torch.stack([k, v])
            if old is not None:
                kv = torch.cat([old, kv], 2)
            k, v = kv
            score = torch.einsum("bthd,bshd->bhts", q, k) * q.size(-1) ** -0.5
            weight = torch.where(hidden, torch.finfo(score.dtype).min, score).softmax(-1)
            y = torch.einsum("bhts,bshd->bthd", drop(weight), v).flatten(2)
            x = x + drop(dense(y, p["attn"]["proj"]))
            x = x + drop(dense(F.gelu(dense(norm(x, p["ln_2"]), p["mlp"]["fc"])), p["mlp"]["proj"]))
            return x, kv

        x = self.tok_emb(idx)
        if c.positions == "learned":
            x = x + self.pos_emb(here)
        params = [nest(dict(block.named_parameters())) for block in self.blocks]
        stacked = tree_map(lambda *same: torch.stack(same), params[0], *params[1:])
        xs = {"params": stacked} if past is None else {"params": stacked, "past": past}
        x, kv = scan(layer, drop(x), xs)
        return self.head(self.ln_f(x)), kv

    def forward(self, idx, targets=None):
        logits, _ = self._apply_model(idx, None)
        if targets is None:
            return logits, None
        logp = logits[:, :-1].log_softmax(-1)
        return logits, -logp.gather(2, targets[:, 1:].unsqueeze(2)).mean()

    def prefill(self, idx):
        logits, kv = self._apply_model(idx, None)
        return logits, Cache(kv)

    def decode(self, tokens, cache):
        logits, kv = self._apply_model(tokens, cache.kv)
        return logits, Cache(kv)

    def generate(self, idx, max_new_tokens, use_cache=True):
        # The mode is read at one place only, the root; no other module here is ever called.
        was = self.training
        self.training = False
        try:
            with torch.no_grad():
                return self._extend(idx, max_new_tokens, use_cache)
        finally:
            self.training = was

    def _extend(self, idx, n, use_cache):
        room = self.config.block_size
        kv = None
        for _ in range(n):
            if kv is not None and idx.size(1) <= room:
                logits, kv = self._apply_model(idx[:, -1:], kv)
            else:
                logits, kv = self._apply_model(idx[:, -room:], None)
            if not use_cache:
                kv = None
            idx = torch.cat([idx, logits[:, -1].argmax(-1)[:, None]], 1)
        return idx
