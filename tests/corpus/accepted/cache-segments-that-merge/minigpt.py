from dataclasses import dataclass
from typing import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Segments:
    """A log-structured layer: a few (K, V) pieces, lengths falling; two neighbours of like size merge."""

    def __init__(self) -> None:
        self.parts: list[tuple[Tensor, Tensor]] = []

    def add(self, k: Tensor, v: Tensor) -> None:
        self.parts.append((k, v))
        while len(self.parts) > 1 and self.parts[-2][0].size(2) <= self.parts[-1][0].size(2):
            b, a = self.parts.pop(), self.parts.pop()
            self.parts.append((torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)))

    @property
    def length(self) -> int:
        return sum(k.size(2) for k, _ in self.parts)

    def joined(self) -> list[Tensor]:
        return [torch.cat(z, 2) for z in zip(*self.parts)]


class Cache:
    def __init__(self, n: int) -> None:
        self.layers = [Segments() for _ in range(n)]

    @property
    def length(self) -> int:
        return self.layers[0].length

    def __iter__(self) -> Iterator[list[Tensor]]:
        return map(Segments.joined, self.layers)


def rotate(x: Tensor, start: int) -> Tensor:
    d = x.size(-1)
    i = torch.arange(d) % (d // 2)
    a = torch.arange(start, start + x.size(2), dtype=torch.float64)[:, None] * 10000.0 ** (-2.0 * i.double() / d)
    sign = torch.where(torch.arange(d) < d // 2, -1.0, 1.0).to(x.dtype)
    swapped = x[..., (torch.arange(d) + d // 2) % d]
    return x * a.cos().to(x.dtype) + sign * swapped * a.sin().to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c: GPTConfig) -> None:
        super().__init__()
        self.c = c
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.proj = nn.Linear(c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, memory: Segments) -> Tensor:
        B, T, C = x.shape
        start = memory.length
        q, k, v = (z.reshape(B, T, self.c.n_head, -1).transpose(1, 2) for z in self.qkv(x).split(C, 2))
        if self.c.positions == "rope":
            q, k = rotate(q, start), rotate(k, start)
        memory.add(k, v)
        scores = torch.cat([q @ part.mT for part, _ in memory.parts], -1) / q.size(-1) ** 0.5
        later = torch.arange(start + T) > torch.arange(start, start + T).unsqueeze(1)
        w = self.drop(scores.masked_fill(later, float("-inf")).softmax(-1))
        pieces = w.split([part.size(2) for part, _ in memory.parts], -1)
        y = sum(p @ part for p, (_, part) in zip(pieces, memory.parts))
        return self.drop(self.proj(y.transpose(1, 2).reshape(B, T, C)))


class MLP(nn.Module):
    def __init__(self, c: GPTConfig) -> None:
        super().__init__()
        self.fc, self.proj = nn.Linear(c.n_embd, 4 * c.n_embd), nn.Linear(4 * c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, c: GPTConfig) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c.n_embd), nn.LayerNorm(c.n_embd)
        self.attn, self.mlp = Attention(c), MLP(c)

    def forward(self, x: Tensor, memory: Segments) -> Tensor:
        h = x + self.attn(self.ln_1(x), memory)
        return h + self.mlp(self.ln_2(h))


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx: Tensor, targets: Tensor | None = None):
        logits, _ = self.prefill(idx)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].reshape(-1, self.config.vocab_size), targets[:, 1:].reshape(-1))

    def prefill(self, idx: Tensor):
        return self.decode(idx, Cache(self.config.n_layer))

    def decode(self, tokens: Tensor, cache: Cache):
        start, stop = cache.length, cache.length + tokens.size(1)
        if stop > self.config.block_size:
            raise ValueError(f"{stop} tokens in a block of {self.config.block_size}")
        x = self.tok_emb(tokens)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(start, stop, device=tokens.device))
        x = self.drop(x)
        for block, memory in zip(self.blocks, cache.layers):
            x = block(x, memory)
        return self.head(self.ln_f(x)), cache

    @torch.no_grad()
    def generate(self, idx: Tensor, max_new_tokens: int, use_cache: bool = True) -> Tensor:
        modes = {m: m.training for m in self.modules()}
        self.eval()
        cache = None
        try:
            for _ in range(max_new_tokens):
                if not use_cache or cache is None or idx.size(1) > self.config.block_size:
                    cache = Cache(self.config.n_layer)
                    new = idx[:, -self.config.block_size :]
                else:
                    new = idx[:, cache.length :]
                logits, cache = self.decode(new, cache)
                idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
        finally:
            for m in modes:
                m.training = modes[m]
        return idx
