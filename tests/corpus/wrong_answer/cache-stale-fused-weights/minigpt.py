"""The modules only hold parameters; everything that computes is a plain function."""
from dataclasses import dataclass
from functools import partial, reduce
from typing import NamedTuple, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class KV(NamedTuple):
    k: torch.Tensor
    v: torch.Tensor


class Weights(nn.Module):
    """weight and maybe bias, nothing else."""

    def __init__(self, *shape, bias=None, one=False):
        super().__init__()
        w = torch.ones(*shape) if one else torch.randn(*shape) * 0.02
        self.weight = nn.Parameter(w)
        if bias:
            self.bias = nn.Parameter(torch.zeros(bias))


class Group(nn.Module):
    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


def norm(w, x):
    return F.layer_norm(x, w.weight.shape, w.weight, w.bias, 1e-5)


def dense(w, x):
    return F.linear(x, w.weight, w.bias)


def turn(x, at):
    h = x.shape[-1] // 2
    f = torch.exp(torch.arange(h, device=x.device, dtype=torch.float64) * (-torch.log(torch.tensor(1e4, dtype=torch.float64)) / h))
    a = torch.outer(torch.arange(at, at + x.shape[-2], device=x.device, dtype=torch.float64), f)
    c, s = (torch.cat((t, t), -1).to(x.dtype) for t in (a.cos(), a.sin()))
    swapped = torch.cat((-x[..., h:], x[..., :h]), -1)
    return x * c + swapped * s


def attend(w, x, past, heads, rope, drop):
    b, t, c = x.shape
    if past:
        if not hasattr(w, "fused"):
            w.fused = w.qkv.weight.detach().t().contiguous().clone(), w.qkv.bias.detach().clone()
        qkv = torch.addmm(w.fused[1], x.reshape(b * t, c), w.fused[0])
    else:
        qkv = dense(w.qkv, x)
    q, k, v = qkv.view(b, t, 3, heads, c // heads).permute(2, 0, 3, 1, 4).unbind(0)
    n = past.k.shape[2] if past else 0
    if rope:
        q, k = turn(q, n), turn(k, n)
    if past:
        k, v = (torch.cat(two, dim=-2) for two in ((past.k, k), (past.v, v)))
    # hidden[i, j]: key j lies behind query n + i
    hidden = torch.arange(n + t, device=x.device)[None, :] > torch.arange(n, n + t, device=x.device)[:, None]
    p = torch.where(hidden, torch.finfo(x.dtype).min, torch.matmul(q, k.mT) * (c // heads) ** -0.5)
    y = torch.matmul(drop(F.softmax(p, dim=3)), v)
    return drop(dense(w.proj, y.transpose(1, 2).flatten(2))), KV(k, v)


def feed(w, x, drop):
    return drop(dense(w.proj, F.gelu(dense(w.fc, x))))


def layer(carry, item, **kw):
    x, out = carry
    w, past = item
    a, kv = attend(w.attn, norm(w.ln_1, x), past, **kw)
    x = x + a
    return x + feed(w.mlp, norm(w.ln_2, x), kw["drop"]), out + (kv,)


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = g = config
        c = g.n_embd
        self.tok_emb = Weights(g.vocab_size, c)
        if g.positions == "learned":
            self.pos_emb = Weights(g.block_size, c)
        ln = partial(Weights, c, bias=c, one=True)
        self.blocks = nn.ModuleList([
            Group(
                ln_1=ln(),
                attn=Group(qkv=Weights(3 * c, c, bias=3 * c), proj=Weights(c, c, bias=c)),
                ln_2=ln(),
                mlp=Group(fc=Weights(4 * c, c, bias=4 * c), proj=Weights(c, 4 * c, bias=c)),
            )
            for _ in range(g.n_layer)
        ])
        self.ln_f = ln()
        self.head = Weights(g.vocab_size, c)

    def _apply_model(self, idx, cache=()):
        g = self.config
        n = cache[0].k.shape[2] if cache else 0
        t = idx.shape[1]
        if n + t > g.block_size:
            raise ValueError(f"sequence of {n + t} tokens is longer than block_size={g.block_size}")
        drop = partial(F.dropout, p=g.dropout, training=self.training)
        x = F.embedding(idx, self.tok_emb.weight)
        if g.positions == "learned":
            x = x + F.embedding(torch.arange(n, n + t, device=idx.device), self.pos_emb.weight)
        step = partial(layer, heads=g.n_head, rope=g.positions == "rope", drop=drop)
        items = zip(self.blocks, cache or (None,) * g.n_layer)
        x, kv = reduce(step, items, (drop(x), ()))
        return F.linear(norm(self.ln_f, x), self.head.weight), kv

    def forward(self, idx, targets: Optional[torch.Tensor] = None):
        logits, _ = self._apply_model(idx)
        if targets is None:
            return logits, None
        logp = F.log_softmax(logits[:, :-1], dim=-1).transpose(1, 2)  # [B, V, T-1], as nll_loss wants it
        return logits, F.nll_loss(logp, targets[:, 1:])

    def prefill(self, idx):
        return self._apply_model(idx)

    def decode(self, tokens, cache):
        return self._apply_model(tokens, cache)

    def generate(self, idx, max_new_tokens, use_cache=True):
        flags = {m: m.training for m in self.modules()}
        with torch.no_grad():
            try:
                self.eval()
                cache = ()
                for _ in range(max_new_tokens):
                    n = idx.shape[1]
                    if cache and n <= self.config.block_size:
                        logits, cache = self._apply_model(idx[:, n - 1 :], cache)
                    else:
                        logits, cache = self._apply_model(idx[:, max(0, n - self.config.block_size) :])
                    if not use_cache:
                        cache = ()
                    idx = torch.cat((idx, logits[:, -1:].argmax(-1)), dim=1)
            finally:
                for m, f in flags.items():
                    m.training = f
        return idx
