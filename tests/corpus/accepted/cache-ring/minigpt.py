import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Ring:
    """block_size slots; the token at position p lies in slot (p + shift) mod block_size."""

    def __init__(self, config, batch, dtype):
        n, d = config.block_size, config.n_embd // config.n_head
        self.shift = n - n // 3
        self.position = torch.full((n,), -1)
        self.k = [torch.zeros(batch, config.n_head, n, d, dtype=dtype) for _ in range(config.n_layer)]
        self.v = [torch.zeros_like(k) for k in self.k]
        self.n = 0

    def slots(self, positions):
        return (positions + self.shift) % self.position.numel()

    def put(self, layer, positions, k, v):
        self.k[layer] = self.k[layer].index_copy(2, self.slots(positions), k)
        self.v[layer] = self.v[layer].index_copy(2, self.slots(positions), v)
        return self.k[layer], self.v[layer]

    def __len__(self):
        return len(self.k)

    def __getitem__(self, layer):
        order = self.slots(torch.arange(self.n))
        return [self.k[layer][:, :, order].clone(), self.v[layer][:, :, order].clone()]


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_head, self.rope = config.n_head, config.positions == "rope"
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def turned(self, x, positions):
        half = x.size(-1) // 2
        angle = positions[:, None] * (-math.log(10000.0) / half * torch.arange(half, dtype=torch.float64)).exp()
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        x, y = x[..., :half], x[..., half:]
        return torch.cat([x * cos - y * sin, x * sin + y * cos], -1)

    def forward(self, x, positions, ring, layer):
        B, T, C = x.shape
        q, k, v = (z.view(B, T, self.n_head, -1).transpose(1, 2) for z in self.qkv(x).split(C, -1))
        if self.rope:
            q, k = self.turned(q, positions), self.turned(k, positions)
        at = positions
        if ring is not None:
            k, v = ring.put(layer, positions, k, v)
            at = ring.position
        unseen = (at[None, :] > positions[:, None]) | (at < 0)[None, :]
        w = (q @ k.mT / math.sqrt(q.size(-1))).masked_fill(unseen, -torch.inf).softmax(-1)
        return self.drop(self.proj((self.drop(w) @ v).transpose(1, 2).reshape(B, T, C)))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.proj = nn.Linear(4 * config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(config.n_embd), Attention(config)
        self.ln_2, self.mlp = nn.LayerNorm(config.n_embd), MLP(config)

    def forward(self, x, *where):
        x = x + self.attn(self.ln_1(x), *where)
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def run(self, idx, ring=None):
        first = ring.n if ring is not None else 0
        positions = torch.arange(first, first + idx.size(1))
        if first + idx.size(1) > self.config.block_size:
            raise ValueError("past block_size")
        if ring is not None:
            ring.position[ring.slots(positions)] = positions
            ring.n = first + idx.size(1)
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(positions)
        x = self.drop(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, positions, ring, layer)
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self.run(idx)
        if targets is None:
            return logits, None
        score = logits[:, :-1].logsumexp(-1) - logits[:, :-1].gather(-1, targets[:, 1:, None])[..., 0]
        return logits, score.mean()

    def prefill(self, idx):
        ring = Ring(self.config, idx.size(0), self.head.weight.dtype)
        return self.run(idx, ring), ring

    def decode(self, tokens, cache):
        return self.run(tokens, cache), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [m.training for m in self.modules()]
        self.eval()
        ring = None
        for _ in range(max_new_tokens):
            window = idx[:, -self.config.block_size :]
            if not use_cache:
                logits = self.run(window)
            elif ring is None or ring.n == self.config.block_size:
                logits, ring = self.prefill(window)
            else:
                logits = self.run(idx[:, -1:], ring)
            idx = torch.cat([idx, logits[:, -1:].argmax(-1)], 1)
        for m, mode in zip(self.modules(), modes):
            m.training = mode
        return idx
