from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from functools import singledispatch, singledispatchmethod

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


# --- what came before -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nothing:
    length: int = 0

    def layer(self, i):
        return self


@dataclass(frozen=True)
class LayerPast:
    k: torch.Tensor
    v: torch.Tensor

    def __iter__(self):
        return iter((self.k, self.v))

    def __getitem__(self, i):
        return (self.k, self.v)[i]

    def __len__(self):
        return 2


class Past(tuple):
    @property
    def length(self):
        return self[0].k.size(2)

    def layer(self, i):
        return self[i]


@singledispatch
def extend(past, k, v):
    raise TypeError(type(past))


@extend.register
def _(past: Nothing, k, v):
    return LayerPast(k, v)


@extend.register
def _(past: LayerPast, k, v):
    return LayerPast(torch.cat((past.k, k), 2), torch.cat((past.v, v), 2))


# --- positions --------------------------------------------------------------------------------------------------------


class Positions(abc.ABC):
    @abc.abstractmethod
    def embed(self, model, x, start): ...

    @abc.abstractmethod
    def heads(self, z, start): ...


class Learned(Positions):
    def embed(self, model, x, start):
        return torch.add(x, model.pos_emb.weight[start : start + x.size(1)])

    def heads(self, z, start):
        return z


class Rope(Positions):
    def __init__(self):
        self.tables = None  # grows by being built anew from position 0, in float64

    def embed(self, model, x, start):
        return x

    def heads(self, z, start):
        d, stop = z.size(-1), start + z.size(-2)
        if self.tables is None or self.tables[0].size(0) < stop:
            n = 1 << (stop - 1).bit_length()
            freq = torch.exp(torch.arange(d // 2, dtype=torch.float64) * (-2.0 * math.log(10000.0) / d))
            angle = torch.arange(n, dtype=torch.float64).outer(freq)
            self.tables = angle.cos(), angle.sin()
        cos, sin = (t[start:stop].to(device=z.device, dtype=z.dtype) for t in self.tables)
        out = torch.empty_like(z)
        lo, hi = z.chunk(2, -1)
        out[..., : d // 2] = lo * cos - hi * sin
        out[..., d // 2 :] = hi * cos + lo * sin
        return out


# --- the model --------------------------------------------------------------------------------------------------------


class Attention(nn.Module):
    def __init__(self, config, positions):
        super().__init__()
        self.n_head, self.positions = config.n_head, positions
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, past, start):
        qkv = self.qkv(x).unflatten(2, (3 * self.n_head, -1)).transpose(1, 2)
        qk, v = qkv.split([2 * self.n_head, self.n_head], dim=1)
        q, k = self.positions.heads(qk, start).chunk(2, dim=1)  # both at once
        new = extend(past, k, v)
        scores = torch.einsum("bhid,bhjd->bhij", q, new.k) * k.size(-1) ** -0.5
        visible = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).tril_(start)
        weights = scores.where(visible, torch.tensor(-torch.inf, dtype=scores.dtype)).softmax(3)
        y = self.drop(weights).matmul(new.v).transpose(1, 2).flatten(2)
        return self.proj(y), new


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.proj = nn.Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x), approximate="none"))


class Block(nn.Module):
    def __init__(self, config, positions):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config, positions)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, past, start):
        y, new = self.attn(self.ln_1(x), past, start)
        x = torch.add(x, self.drop(y))
        return torch.add(x, self.drop(self.mlp(self.ln_2(x)))), new


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.positions = {"learned": Learned, "rope": Rope}[config.positions]()
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if isinstance(self.positions, Learned):
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, self.positions) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def _run(self, idx, past):
        start = past.length
        if start + idx.size(1) > self.config.block_size:
            raise ValueError("block_size")
        x = self.drop(self.positions.embed(self, self.tok_emb(idx), start))
        news = []
        for i, block in enumerate(self.blocks):
            x, new = block(x, past.layer(i), start)
            news.append(new)
        return self.head(self.ln_f(x)), Past(news)

    def forward(self, idx, targets=None):
        logits, _ = self._run(idx, Nothing())
        return logits, None if targets is None else self._loss(logits, targets)

    @staticmethod
    def _loss(logits, targets):
        per_token = F.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), targets[:, 1:].reshape(-1), reduction="none")
        return per_token.view(logits.size(0), -1).mean(1).mean(0)

    def prefill(self, idx):
        return self._run(idx, Nothing())

    def decode(self, tokens, cache):
        return self._run(tokens, cache)

    @singledispatchmethod
    def _next(self, past, idx):
        raise TypeError(type(past))

    @_next.register
    def _(self, past: Nothing, idx):
        return self._run(idx[:, -self.config.block_size :], past)

    @_next.register
    def _(self, past: Past, idx):
        if past.length == self.config.block_size:  # full: the window slides, and all positions change
            return self._next(Nothing(), idx)
        return self._run(idx[:, -1:], past)

    def generate(self, idx, max_new_tokens, use_cache=True):
        remembered = tuple(m.training for m in self.modules())
        self.eval()
        with torch.no_grad():
            past = Nothing()
            try:
                for _ in range(max_new_tokens):
                    logits, past = self._next(past if use_cache else Nothing(), idx)
                    idx = torch.cat((idx, torch.argmax(logits[:, -1:], -1)), 1)
            finally:
                for m, mode in zip(self.modules(), remembered):
                    m.training = mode
        return idx
