from dataclasses import dataclass, field
from typing import List, Optional, Tuple

import torch
from torch import Tensor, nn
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


@dataclass
class Row:
    """One sequence: per layer keys and values [H, S, d]."""

    layers: List[Tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def length(self) -> int:
        return self.layers[0][0].shape[1] if self.layers else 0


class Batch:
    def __init__(self, rows: List[Row]):
        self.rows = rows

    def __iter__(self):
        for layer in zip(*(row.layers for row in self.rows)):
            keys, values = zip(*layer)
            yield torch.stack(keys), torch.stack(values)


class Attention(nn.Module):
    def __init__(self, c: GPTConfig):
        super().__init__()
        self.c = c
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.proj = nn.Linear(c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def rotate(self, x: Tensor, first: int) -> Tensor:
        d = x.shape[-1]
        freq = 10000.0 ** (-torch.arange(d // 2, dtype=torch.float64) * 2 / d)
        phase = torch.arange(first, first + x.shape[1], dtype=torch.float64)[:, None] * freq
        unit = torch.polar(torch.ones_like(phase), phase).to(torch.complex128 if x.dtype == torch.float64 else torch.complex64)
        z = torch.complex(*x.chunk(2, dim=-1)) * unit
        return torch.cat((z.real, z.imag), dim=-1)

    def forward(self, x: Tensor, past: Optional[Tuple[Tensor, Tensor]]) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        T, C = x.shape
        q, k, v = self.qkv(x).view(T, 3, self.c.n_head, -1).permute(1, 2, 0, 3)  # [H, T, d]
        first = past[0].shape[1] if past else 0
        if self.c.positions == "rope":
            q, k = self.rotate(q, first), self.rotate(k, first)
        if past:
            k, v = torch.cat((past[0], k), 1), torch.cat((past[1], v), 1)
        s = q @ k.transpose(1, 2) * (C // self.c.n_head) ** -0.5
        s = s.masked_fill(torch.ones(T, first + T, dtype=torch.bool).triu(first + 1), float("-inf"))
        y = self.drop(s.softmax(-1)) @ v
        return self.drop(self.proj(y.transpose(0, 1).reshape(T, C))), (k, v)


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

    def forward(self, x: Tensor, past):
        a, pair = self.attn(self.ln_1(x), past)
        x = x + a
        return x + self.mlp(self.ln_2(x)), pair


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

    def one(self, seq: Tensor, row: Row) -> Tuple[Tensor, Row]:
        """seq [T] after what row holds: logits [T, V] and the longer row."""
        first = row.length
        if first + len(seq) > self.config.block_size:
            raise ValueError(f"{first} + {len(seq)} tokens > block_size {self.config.block_size}")
        x = self.tok_emb(seq)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(first, first + len(seq)))
        x = self.drop(x)
        layers = []
        for i, block in enumerate(self.blocks):
            x, pair = block(x, row.layers[i] if row.layers else None)
            layers.append(pair)
        return self.head(self.ln_f(x)), Row(layers)

    def forward(self, idx: Tensor, targets: Optional[Tensor] = None):
        logits = torch.stack([self.one(seq, Row())[0] for seq in idx])
        if targets is None:
            return logits, None
        losses = [F.cross_entropy(l[:-1], t[1:]) for l, t in zip(logits, targets)]
        return logits, sum(losses) / len(losses)  # rows are equally long

    def prefill(self, idx: Tensor):
        return self.decode(idx, Batch([Row() for _ in idx]))

    def decode(self, tokens: Tensor, cache: Batch):
        done = [self.one(seq, row) for seq, row in zip(tokens, cache.rows)]
        return torch.stack([logits for logits, _ in done]), Batch([row for _, row in done])

    def _continue(self, seq: Tensor, n: int, use_cache: bool) -> Tensor:
        limit, row = self.config.block_size, Row()
        for _ in range(n):
            if not (use_cache and row.layers and len(seq) <= limit):
                logits, row = self.one(seq[-limit:], Row())
            else:
                logits, row = self.one(seq[-1:], row)
            seq = torch.cat((seq, logits[-1].argmax().view(1)))
        return seq

    @torch.no_grad()
    def generate(self, idx: Tensor, max_new_tokens: int, use_cache: bool = True) -> Tensor:
        before = [(m, m.training) for m in self.modules()]
        try:
            for m, _ in before:
                m.training = False
            return torch.stack([self._continue(seq, max_new_tokens, use_cache) for seq in idx])
        finally:
            for m, mode in before:
                m.training = mode
