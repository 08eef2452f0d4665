"""The whole model as pure functions of a parameter tree; the nn.Module is a bag of parameters. JAX habits, einsum only."""
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Bag(nn.Module):
    """A node of the tree: parameters by dotted name."""

    def put(self, path, tensor):
        name, _, rest = path.partition(".")
        if not rest:
            self.register_parameter(name, nn.Parameter(tensor))
            return
        if name not in self._modules:
            self.add_module(name, Bag())
        self._modules[name].put(rest, tensor)


class KV(NamedTuple):
    k: torch.Tensor  # b h s d
    v: torch.Tensor


# ------------------------------------------------------------------ pure functions

def layer_norm(p, name, x):
    mu = x.mean(-1, keepdim=True)
    var = ((x - mu) ** 2).mean(-1, keepdim=True)
    return (x - mu) * torch.rsqrt(var + 1e-5) * p[name + ".weight"] + p[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x * 0.5**0.5))


def softmax(x):
    z = torch.exp(x - x.amax(-1, keepdim=True))
    return z / z.sum(-1, keepdim=True)


def drop(x, rate):
    if rate == 0:
        return x
    keep = torch.rand_like(x) >= rate
    return torch.where(keep, x / (1 - rate), 0)


def turn(x, where):
    """Rotary embedding in complex numbers: (x_i + j x_{i + d/2}) e^{j p w_i}."""
    half = x.shape[-1] // 2
    w = torch.pow(10000.0, -torch.arange(half, dtype=torch.float64) * 2 / x.shape[-1])
    phase = torch.einsum("t,i->ti", where.double(), w)
    z = torch.complex(x[..., :half].double(), x[..., half:].double()) * torch.polar(torch.ones_like(phase), phase)
    return torch.cat((z.real, z.imag), -1).to(x.dtype)


def attention(p, cfg, name, x, past, rate):
    h, d, c = cfg.n_head, cfg.n_embd // cfg.n_head, cfg.n_embd
    w = p[name + ".qkv.weight"].view(3, h, d, c)
    b = p[name + ".qkv.bias"].view(3, 1, h, 1, d)
    q, k, v = torch.einsum("btc,nhdc->nbhtd", x, w) + b
    if past is None:
        past = KV(k[:, :, :0], v[:, :, :0])
    s0 = past.k.shape[2]
    where = torch.arange(s0, s0 + x.shape[1])
    if cfg.positions == "rope":
        q, k = turn(q, where), turn(k, where)
    now = KV(torch.cat((past.k, k), 2), torch.cat((past.v, v), 2))
    score = torch.einsum("bhtd,bhsd->bhts", q / d**0.5, now.k)
    score = torch.where(where[:, None] >= torch.arange(now.k.shape[2]), score, float("-inf"))
    y = torch.einsum("bhts,bhsd->bthd", drop(softmax(score), rate), now.v)
    y = torch.einsum("bthd,chd->btc", y, p[name + ".proj.weight"].view(c, h, d)) + p[name + ".proj.bias"]
    return drop(y, rate), now


def mlp(p, name, x, rate):
    x = gelu(torch.einsum("btc,fc->btf", x, p[name + ".fc.weight"]) + p[name + ".fc.bias"])
    return drop(torch.einsum("btf,cf->btc", x, p[name + ".proj.weight"]) + p[name + ".proj.bias"], rate)


def apply(p, cfg, tokens, past, rate):
    s0 = 0 if past is None else past[0].k.shape[2]
    if s0 + tokens.shape[1] > cfg.block_size:
        raise ValueError("the context is full")

    x = p["tok_emb.weight"][tokens]
    if cfg.positions == "learned":
        x = x + p["pos_emb.weight"][torch.arange(s0, s0 + tokens.shape[1])]

    def block(carry, i):
        x, out = carry
        n = f"blocks.{i}"
        y, kv = attention(p, cfg, n + ".attn", layer_norm(p, n + ".ln_1", x), past and past[i], rate)
        x = x + y
        return x + mlp(p, n + ".mlp", layer_norm(p, n + ".ln_2", x), rate), (*out, kv)

    x, out = reduce(block, range(cfg.n_layer), (drop(x, rate), ()))
    return torch.einsum("btc,vc->btv", layer_norm(p, "ln_f", x), p["head.weight"]), out


def nll(logits, targets):
    logp = logits - torch.logsumexp(logits, -1, keepdim=True)
    return -torch.mean(torch.gather(logp[:, :-1], 2, targets[:, 1:, None]))


class MiniGPT(Bag):
    def __init__(self, config):
        super().__init__()
        self.config = config
        v, c, n = config.vocab_size, config.n_embd, config.block_size
        shapes = {"head.weight": (v, c), "ln_f.bias": (c,), "ln_f.weight": (c,)}
        for i in range(config.n_layer):
            for name, shape in {
                "mlp.proj.bias": (c,), "mlp.proj.weight": (c, 4 * c), "mlp.fc.bias": (4 * c,), "mlp.fc.weight": (4 * c, c),
                "ln_2.bias": (c,), "ln_2.weight": (c,), "attn.proj.bias": (c,), "attn.proj.weight": (c, c),
                "attn.qkv.bias": (3 * c,), "attn.qkv.weight": (3 * c, c), "ln_1.bias": (c,), "ln_1.weight": (c,),
            }.items():
                shapes[f"blocks.{i}.{name}"] = shape
        if config.positions == "learned":
            shapes["pos_emb.weight"] = (n, c)
        shapes["tok_emb.weight"] = (v, c)
        for name, shape in shapes.items():
            self.put(name, torch.randn(shape) * 0.02 if len(shape) == 2 else torch.full(shape, float("ln_" in name and "weight" in name)))

    def tree(self):
        return dict(self.named_parameters())

    @property
    def rate(self):
        return self.config.dropout if self.training else 0.0

    def forward(self, idx, targets=None):
        logits, _ = apply(self.tree(), self.config, idx, None, self.rate)
        return logits, None if targets is None else nll(logits, targets)

    def prefill(self, idx):
        return apply(self.tree(), self.config, idx, None, self.rate)

    def decode(self, tokens, cache):
        return apply(self.tree(), self.config, tokens, cache, self.rate)

    def generate(self, idx, max_new_tokens, use_cache=True):
        # The mode is only a number here, so nothing needs to be switched or restored.
        with torch.no_grad():
            p, n, cache = self.tree(), self.config.block_size, None
            for _ in range(max_new_tokens):
                if use_cache and cache and idx.shape[1] <= n:
                    logits, cache = apply(p, self.config, idx[:, -1:], cache, 0.0)
                else:
                    logits, cache = apply(p, self.config, idx[:, -n:], None, 0.0)
                idx = torch.cat((idx, torch.argmax(logits[:, -1:], -1)), 1)
            return idx
