from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field

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

    @property
    def head_size(self) -> int:
        return self.n_embd // self.n_head


@dataclass(eq=False)
class Arena:
    """One block of memory for all layers, filled from the left; iterating gives views of what is filled."""

    memory: torch.Tensor  # [L, 2, B, H, N, d]
    used: int = 0
    pending: int = field(default=0, repr=False)

    @classmethod
    def empty(cls, config, batch, like):
        return cls(like.new_empty(config.n_layer, 2, batch, config.n_head, config.block_size, config.head_size))

    def put(self, layer, k, v):
        end = self.used + self.pending
        self.memory[layer, 0, :, :, self.used:end] = k
        self.memory[layer, 1, :, :, self.used:end] = v
        return self.memory[layer, 0, :, :, :end], self.memory[layer, 1, :, :, :end]

    def commit(self):
        self.used += self.pending
        self.pending = 0

    def __len__(self):
        return self.memory.size(0)

    def __getitem__(self, i):
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        return tuple(self.memory[i, :, :, :, : self.used].unbind(0))

    def __iter__(self):
        return (self[i] for i in range(len(self)))


class CausalSelfAttention(nn.Module):
    def __init__(self, cfg, layer):
        super().__init__()
        self.cfg, self.layer = cfg, layer
        self.qkv = nn.Linear(cfg.n_embd, cfg.n_embd * 3)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)

    def forward(self, x, rot, bias, arena):
        cfg = self.cfg
        B, T, C = x.shape
        q, k, v = (z.reshape(B, T, cfg.n_head, cfg.head_size).movedim(1, 2) for z in self.qkv(x).chunk(3, -1))
        if rot is not None:
            cos, sin = rot
            q, k = (torch.cat([z[..., : z.size(-1) // 2] * cos - z[..., z.size(-1) // 2:] * sin,
                               z[..., z.size(-1) // 2:] * cos + z[..., : z.size(-1) // 2] * sin], -1) for z in (q, k))
        if arena is not None:
            k, v = arena.put(self.layer, k, v)
        S = k.size(2)
        fold = lambda z: z.reshape(B * cfg.n_head, z.size(2), cfg.head_size)
        w = torch.baddbmm(bias.expand(B * cfg.n_head, T, S), fold(q), fold(k).transpose(1, 2),
                          alpha=1.0 / math.sqrt(cfg.head_size))
        w = F.dropout(torch.softmax(w, -1), cfg.dropout, self.training)
        y = torch.bmm(w, fold(v)).unflatten(0, (B, cfg.n_head)).movedim(1, 2).reshape(B, T, C)
        return F.dropout(self.proj(y), cfg.dropout, self.training)


class Block(nn.Module):
    def __init__(self, cfg, layer):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd, eps=1e-5)
        self.attn = CausalSelfAttention(cfg, layer)
        self.ln_2 = nn.LayerNorm(cfg.n_embd, eps=1e-5)
        self.mlp = nn.Sequential(OrderedDict(
            fc=nn.Linear(cfg.n_embd, 4 * cfg.n_embd), act=nn.GELU(approximate="none"),
            proj=nn.Linear(4 * cfg.n_embd, cfg.n_embd), drop=nn.Dropout(cfg.dropout)))

    def forward(self, x, *context):
        x = x + self.attn(self.ln_1(x), *context)
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions != "rope":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=1e-5)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        n = config.block_size
        self.register_buffer("causal_bias", torch.full((n, n), float("-inf")).triu(1), persistent=False)

    def _rotation(self, start, stop, like):
        half = self.config.head_size // 2
        pos = torch.arange(start, stop, dtype=torch.double, device=like.device).unsqueeze(1)
        theta = pos / torch.pow(10000.0, torch.arange(half, dtype=torch.double, device=like.device) / half)
        return theta.cos().to(like.dtype), theta.sin().to(like.dtype)

    def _trunk(self, idx, arena=None):
        start = arena.used if arena is not None else 0
        stop = start + idx.size(1)
        if stop > self.config.block_size:
            raise ValueError("block_size exceeded: %d > %d" % (stop, self.config.block_size))
        x = self.tok_emb(idx)
        rot = None
        if self.config.positions == "rope":
            rot = self._rotation(start, stop, x)
        else:
            x = x + self.pos_emb(torch.arange(start, stop, device=idx.device)[None])
        x = F.dropout(x, self.config.dropout, self.training)
        bias = self.causal_bias[start:stop, :stop]
        if arena is not None:
            arena.pending = idx.size(1)
        for block in self.blocks:
            x = block(x, rot, bias, arena)
        if arena is not None:
            arena.commit()
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self._trunk(idx)
        loss = None
        if targets is not None:
            lp = logits[:, :-1].log_softmax(-1)
            loss = -lp.gather(-1, targets[:, 1:, None]).mean()
        return logits, loss

    @torch.no_grad()
    def prefill(self, idx):
        arena = Arena.empty(self.config, idx.size(0), self.tok_emb.weight)
        return self._trunk(idx, arena), arena

    @torch.no_grad()
    def decode(self, tokens, cache):
        return self._trunk(tokens, cache), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        was = [m.training for m in self.modules()]
        self.eval()
        try:
            B, T = idx.shape
            N = self.config.block_size
            if use_cache and T <= N:
                logits, arena = self.prefill(idx)
                idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
                out = torch.cat([idx, idx.new_zeros(B, max(0, max_new_tokens - 1))], 1)
                first = T + 1
            else:
                out, arena, first = torch.cat([idx, idx.new_zeros(B, max_new_tokens)], 1), None, T
            for end in range(first, T + max_new_tokens):
                if end > N or not use_cache:
                    logits = self._trunk(out[:, max(0, end - N):end])
                elif arena is None:
                    logits, arena = self.prefill(out[:, :end])
                else:
                    logits, arena = self.decode(out[:, end - 1:end], arena)
                out[:, end] = logits[:, -1].max(-1).indices
            return out
        finally:
            for m, flag in zip(self.modules(), was):
                m.training = flag
