from dataclasses import dataclass
import math

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

from torch import fx
from torch.nn.attention.bias import causal_lower_right


class Feed(nn.Module):
    def __init__(self, c, p):
        super().__init__()
        self.fc = nn.Linear(c, 4 * c)
        self.proj = nn.Linear(4 * c, c)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Attend(nn.Module):
    def __init__(self, c, heads, p, twist):
        super().__init__()
        self.heads, self.p, self.twist = heads, p, twist
        self.qkv = nn.Linear(c, 3 * c)
        self.proj = nn.Linear(c, c)

    def forward(self, x, past):
        start = past[0].size(2) if past else 0
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in self.qkv(x).chunk(3, -1))
        q, k = self.twist(q, start), self.twist(k, start)
        if past:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        bias = None if q.size(2) == 1 else causal_lower_right(q.size(2), k.size(2))
        y = F.scaled_dot_product_attention(q, k, v, bias, self.p if self.training else 0.0)
        return self.proj(y.transpose(1, 2).flatten(2)), (k, v)


class Block(nn.Module):
    def __init__(self, cfg, twist):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd)
        self.attn = Attend(cfg.n_embd, cfg.n_head, cfg.dropout, twist)
        self.ln_2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = fx.symbolic_trace(Feed(cfg.n_embd, cfg.dropout))


class MiniGPT(nn.Module):
    def __new__(cls, config=None):
        if cls is MiniGPT and config is not None:
            cls = Rotary if config.positions == "rope" else Learned
        return super().__new__(cls)

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config, self.twist) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def prefill(self, idx):
        return self.decode(idx, ())

    def decode(self, tokens, cache):
        start = cache[0][0].size(2) if cache else 0
        free = self.config.block_size - start
        if free < tokens.size(1):
            raise ValueError(f"{tokens.size(1)} tokens, {free} places left")
        x, out = self.enter(self.tok_emb(tokens), start), []
        for i, b in enumerate(self.blocks):
            y, pair = b.attn(b.ln_1(x), cache[i] if cache else ())
            out.append(pair)
            x = x + y
            x = x + b.mlp(b.ln_2(x))
        return self.head(self.ln_f(x)), out

    def forward(self, idx, targets=None):
        logits, _ = self.prefill(idx)
        if targets is None:
            return logits, None
        return logits, nn.CrossEntropyLoss()(logits.movedim(-1, 1)[..., :-1], targets[..., 1:])

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(m, m.training) for m in self.modules()]
        self.train(False)
        cache, size = (), self.config.block_size
        try:
            while max_new_tokens:
                if not use_cache or idx.size(1) > size:
                    cache = ()
                logits, cache = self.decode(idx[:, -1:] if cache else idx[:, -size:], cache)
                idx = torch.cat((idx, logits[:, -1, None].argmax(-1)), 1)
                max_new_tokens -= 1
            return idx
        finally:
            for m, mode in modes:
                m.training = mode


class Learned(MiniGPT):
    def __init__(self, config):
        super().__init__(config)
        self.pos_emb = nn.Embedding(config.block_size, config.n_embd)

    @staticmethod
    def twist(x, start):
        return x

    def enter(self, x, start):
        return x + self.pos_emb.weight[start : start + x.size(1)]


class Rotary(MiniGPT):
    @staticmethod
    def twist(x, start):
        half = x.size(-1) // 2
        rate = torch.pow(1e4, -torch.arange(half, dtype=torch.float64) / half)
        angle = torch.outer(torch.arange(start, start + x.size(-2), dtype=torch.float64), rate)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        pairs = torch.stack((x[..., :half], x[..., half:]), -1)  # [..., d/2, 2]
        matrix = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2)  # [T, d/2, 2, 2]
        return torch.einsum("...tiab,...tib->...tai", matrix.expand(*x.shape[:-2], -1, -1, -1, -1), pairs).flatten(-2)

    def enter(self, x, start):
        return x
