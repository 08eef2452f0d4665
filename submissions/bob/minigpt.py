"""Mini-GPT, bugs fixed. T tokens, B rows, C channels, H heads."""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
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


def rope(x):
    # x: (B, H, T, d)
    T, d = x.shape[-2:]
    freqs = 1.0 / (10000 ** (torch.arange(0, d, 2, dtype=x.dtype) / d))
    angles = torch.arange(T, dtype=x.dtype)[:, None] * freqs[None, :]
    cos, sin = torch.cos(angles), torch.sin(angles)
    x1, x2 = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], dim=-1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.attn_drop = nn.Dropout(config.dropout)
        self.resid_drop = nn.Dropout(config.dropout)
        mask = torch.tril(torch.ones(config.block_size, config.block_size, dtype=torch.bool))
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        B, T, C = x.shape
        H = self.config.n_head
        q, k, v = self.qkv(x).chunk(3, dim=2)
        q = q.view(B, T, H, C // H).transpose(1, 2)
        k = k.view(B, T, H, C // H).transpose(1, 2)
        v = v.view(B, T, H, C // H).transpose(1, 2)
        if self.config.positions == "rope":
            q, k = rope(q), rope(k)
        att = (q @ k.transpose(-2, -1)) / math.sqrt(C // H)
        att = att.masked_fill(~self.mask[:T, :T], float("-inf"))  # was applied after the softmax
        att = self.attn_drop(F.softmax(att, dim=-1))
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_drop(self.proj(y)), (k, v)


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
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)

    def forward(self, x):
        a, kv = self.attn(self.ln_1(x))
        x = x + a
        x = x + self.mlp(self.ln_2(x))
        return x, kv


class Cache:
    """Tokens seen so far, and the keys and values of each layer."""

    def __init__(self, tokens, pairs):
        self.tokens = tokens
        self.pairs = pairs

    def __iter__(self):
        return iter(self.pairs)


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def run(self, idx):
        B, T = idx.shape
        if T > self.config.block_size:
            raise ValueError(f"sequence of {T} is longer than block_size {self.config.block_size}")
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(T))
        x = self.drop(x)
        pairs = []
        for block in self.blocks:
            x, kv = block(x)
            pairs.append(kv)
        return self.head(self.ln_f(x)), pairs

    def forward(self, idx, targets=None):
        logits, _ = self.run(idx)
        if targets is None:
            return logits, None
        V = logits.size(-1)
        loss = F.cross_entropy(logits[:, :-1].reshape(-1, V), targets[:, 1:].reshape(-1))
        return logits, loss

    def prefill(self, idx):
        logits, pairs = self.run(idx)
        return logits, Cache(idx, pairs)

    def decode(self, tokens, cache):
        # TODO use cache.pairs; for now the result is right, if slow
        idx = torch.cat([cache.tokens, tokens], dim=1)
        logits, pairs = self.run(idx)
        n = cache.tokens.size(1)
        grown = []
        for (old_k, old_v), (k, v) in zip(cache.pairs, pairs):
            grown.append((torch.cat([old_k, k[:, :, n:]], dim=2), torch.cat([old_v, v[:, :, n:]], dim=2)))
        return logits[:, -tokens.size(1) :], Cache(idx, grown)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = {m: m.training for m in self.modules()}
        self.eval()
        cache = None
        for _ in range(max_new_tokens):
            if use_cache and cache is not None and cache.tokens.size(1) < self.config.block_size:
                logits, cache = self.decode(idx[:, -1:], cache)
            else:
                logits, cache = self.prefill(idx[:, -self.config.block_size :])
            idx = torch.cat([idx, logits[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
        for m, mode in modes.items():
            m.training = mode
        return idx
