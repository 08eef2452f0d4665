"""A write-back cache: recent tokens stay hot, older ones go cold in one piece, nothing is joined in order to attend."""
from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HOT = 24


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


@dataclass(frozen=True)
class Tiers:
    cold: tuple[Tensor, Tensor]
    hot: tuple[Tensor, Tensor]

    @classmethod
    def empty(cls, like: Tensor) -> Tiers:
        none = like[:, :, :0]
        return cls((none, none), (none, none))

    @property
    def length(self) -> int:
        return self.cold[0].size(2) + self.hot[0].size(2)

    def plus(self, k: Tensor, v: Tensor) -> Tiers:
        return replace(self, hot=(torch.cat((self.hot[0], k), 2), torch.cat((self.hot[1], v), 2)))

    def spilled(self) -> Tiers:
        if self.hot[0].size(2) <= HOT:
            return self
        joined = self.pair()
        return Tiers(joined, (joined[0][:, :, :0], joined[1][:, :, :0]))

    def pair(self) -> tuple[Tensor, Tensor]:
        return torch.cat((self.cold[0], self.hot[0]), 2), torch.cat((self.cold[1], self.hot[1]), 2)


class Cache:
    def __init__(self, layers: list[Tiers]):
        self.layers = layers

    def __iter__(self):
        return (tiers.pair() for tiers in self.layers)


def look(q: Tensor, kv: tuple[Tensor, Tensor], hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attention over one tier and its log-sum-exp [B, H, T, 1]."""
    s = q @ kv[0].mT / math.sqrt(q.size(-1))
    if hidden is not None:
        s = s.masked_fill(hidden, -math.inf)
    z = s.logsumexp(-1, keepdim=True)
    return (s - z).exp() @ kv[1], z


class Attention(nn.Module):
    def __init__(self, c: GPTConfig):
        super().__init__()
        self.heads, self.rope = c.n_head, c.positions == "rope"
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.proj = nn.Linear(c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, tiers: Tiers | None) -> tuple[Tensor, Tiers]:
        B, T, C = x.shape
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in self.qkv(x).chunk(3, -1))
        tiers = tiers or Tiers.empty(k)
        if self.rope:
            q, k = (turned(z, tiers.length) for z in (q, k))
        tiers = tiers.plus(k, v)
        n = tiers.hot[0].size(2)
        hidden = torch.arange(n) > torch.arange(n - T, n).unsqueeze(1)
        y, z = look(q, tiers.hot, hidden)
        if tiers.cold[0].size(2):
            old, z_old = look(q, tiers.cold, None)
            y = torch.lerp(y, old, torch.sigmoid(z_old - z))
        return self.drop(self.proj(y.transpose(1, 2).reshape(B, T, C))), tiers.spilled()


def turned(x: Tensor, start: int) -> Tensor:
    d = x.size(-1)
    rate = 10000.0 ** (torch.arange(d // 2, dtype=torch.float64) * (-2.0 / d))
    a = rate * torch.arange(start, start + x.size(-2), dtype=torch.float64)[:, None]
    a = torch.cat((a, a), -1)
    back = torch.cat((-x[..., d // 2 :], x[..., : d // 2]), -1)
    return x * a.cos().to(x.dtype) + back * a.sin().to(x.dtype)


class MLP(nn.Module):
    def __init__(self, c: GPTConfig):
        super().__init__()
        self.fc = nn.Linear(c.n_embd, 4 * c.n_embd)
        self.proj = nn.Linear(4 * c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, c: GPTConfig):
        super().__init__()
        self.ln_1 = nn.LayerNorm(c.n_embd)
        self.attn = Attention(c)
        self.ln_2 = nn.LayerNorm(c.n_embd)
        self.mlp = MLP(c)

    def forward(self, x: Tensor, tiers: Tiers | None):
        y, tiers = self.attn(self.ln_1(x), tiers)
        x = x + y
        return x + self.mlp(self.ln_2(x)), tiers


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def _run(self, idx: Tensor, layers: list[Tiers] | None):
        start = layers[0].length if layers else 0
        if start + idx.size(1) > self.config.block_size:
            raise ValueError(f"{start + idx.size(1)} > block_size")
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(start, start + idx.size(1)))
        x = self.drop(x)
        out = []
        for i, block in enumerate(self.blocks):
            x, tiers = block(x, layers[i] if layers else None)
            out.append(tiers)
        return self.head(self.ln_f(x)), Cache(out)

    def forward(self, idx: Tensor, targets: Tensor | None = None):
        logits, _ = self._run(idx, None)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())

    def prefill(self, idx: Tensor):
        return self._run(idx, None)

    def decode(self, tokens: Tensor, cache: Cache):
        return self._run(tokens, cache.layers)

    @torch.no_grad()
    def generate(self, idx: Tensor, max_new_tokens: int, use_cache: bool = True) -> Tensor:
        modes = [(m, m.training) for m in self.modules()]
        self.eval()
        try:
            cache = None
            for _ in range(max_new_tokens):
                if use_cache and cache is not None and cache.layers[0].length < self.config.block_size:
                    logits, cache = self.decode(idx[:, -1:], cache)
                else:
                    logits, cache = self.prefill(idx[:, -self.config.block_size :])
                idx = torch.cat((idx, logits[:, -1].argmax(-1, keepdim=True)), 1)
            return idx
        finally:
            for m, mode in modes:
                m.training = mode
