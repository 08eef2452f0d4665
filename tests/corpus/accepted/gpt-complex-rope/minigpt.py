import dataclasses

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"
    rope_base: float = 10_000.0


def turns(n, size, base, dtype):
    """Unit complex numbers [n, size / 2] at the absolute positions 0 .. n - 1."""
    freqs = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(n, dtype=torch.float64)[:, None] * freqs
    wide = torch.polar(torch.ones_like(angles), angles)
    return wide if dtype == torch.float64 else wide.to(torch.complex64)


def rotate(x, turn):
    a, b = x.float().chunk(2, -1) if x.dtype != torch.float64 else x.chunk(2, -1)
    z = torch.view_as_complex(torch.stack([a, b], -1)) * turn
    return torch.cat([z.real, z.imag], -1).to(x.dtype)


class Attn(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(config.n_embd, config.n_embd * 3)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, cached):
        B, T, C = x.shape
        H, d = self.config.n_head, C // self.config.n_head
        q, k, v = (t.reshape(B, T, H, d).permute(0, 2, 1, 3) for t in self.qkv(x).split([C, C, C], 2))
        if cached is not None:
            k, v = torch.cat((cached[0], k), 2), torch.cat((cached[1], v), 2)
        S = k.shape[2]
        raw = k
        if self.config.positions == "rope":
            turn = turns(S, d, self.config.rope_base, x.dtype)
            q, k = rotate(q, turn[S - T :]), rotate(k, turn)
        scores = torch.einsum("bhtd,bhsd->bhts", q, k).div(d**0.5)
        future = torch.arange(S) > torch.arange(S - T, S)[:, None]
        scores = scores + future.to(scores.dtype) * -1e9
        y = self.dropout(scores.softmax(-1)) @ v
        return self.dropout(self.proj(y.permute(0, 2, 1, 3).reshape(B, T, C))), [raw, v]


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc = nn.Linear(config.n_embd, config.n_embd * 4)
        self.proj = nn.Linear(config.n_embd * 4, config.n_embd)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x)))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=1e-05)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=1e-05)
        self.attn = Attn(config)
        self.mlp = Mlp(config)


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.pos_emb = None
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleList(map(lambda _: Block(config), range(config.n_layer)))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def steps(self, idx, cache):
        offset = 0 if cache is None else cache[0][0].shape[2]
        positions = torch.arange(idx.shape[1]) + offset
        if positions[-1] >= self.config.block_size:
            raise ValueError(f"position {int(positions[-1])} is out of range")
        x = self.tok_emb(idx)
        if self.pos_emb is not None:
            x = x + self.pos_emb(positions)
        x = self.dropout(x)
        new = []
        for i, block in enumerate(self.blocks):
            a, kv = block.attn(block.ln_1(x), None if cache is None else cache[i])
            x = x + a
            x = x + self.dropout(block.mlp(block.ln_2(x)))
            new.append(kv)
        return self.head(self.ln_f(x)), new

    def forward(self, idx, targets=None):
        logits, _ = self.steps(idx, None)
        if targets is None:
            return logits, None
        B, T = targets.shape
        per_token = F.cross_entropy(logits[:, : T - 1].transpose(1, 2), targets[:, 1:T], reduction="none")
        return logits, per_token.sum() / (B * (T - 1))

    def prefill(self, idx):
        return self.steps(idx, None)

    def decode(self, tokens, cache):
        return self.steps(tokens, cache)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        if max_new_tokens == 0:
            return idx
        modes = [m.training for m in self.modules()]
        try:
            self.eval()
            return self._greedy(idx, max_new_tokens, use_cache)
        finally:
            for m, was in zip(self.modules(), modes):
                m.training = was

    def _greedy(self, idx, n, use_cache):
        size = self.config.block_size
        logits, cache = self.steps(idx[:, -size:], None)
        while True:
            idx = torch.cat((idx, logits[:, [-1]].argmax(2)), 1)
            n -= 1
            if n == 0:
                return idx
            if use_cache and idx.shape[1] <= size:
                logits, cache = self.steps(idx[:, [-1]], cache)
            else:
                logits, cache = self.steps(idx[:, -size:], None)
