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

import numpy as np


class Buffers:
    """Keys and values of all layers, [L, 2, B, H, room, d] in numpy; pairs are tensors on the same memory."""

    def __init__(self, layers, batch, heads, d, dtype):
        self.a = np.empty((layers, 2, batch, heads, 24, d), dtype)
        self.n = 0

    def room_for(self, t):
        if self.n + t > self.a.shape[4]:
            wider = np.empty(self.a.shape[:4] + (2 * (self.n + t),) + self.a.shape[5:], self.a.dtype)
            wider[:, :, :, :, : self.n] = self.a[:, :, :, :, : self.n]
            self.a = wider

    def __iter__(self):
        for layer in self.a:
            yield tuple(torch.from_numpy(part[:, :, : self.n]) for part in layer)


def norm(x, m):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * m.weight + m.bias


def affine(x, m):
    return x @ m.weight.T + m.bias


def gelu(x):
    return x * (0.5 + 0.5 * torch.erf(torch.from_numpy(x / math.sqrt(2.0))).numpy())


class View:
    """A module's parameters as arrays, looked up when they are used, so they are never stale."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        return found.detach().numpy() if isinstance(found, torch.Tensor) else View(found)


def np_rope(x, start):
    h = x.shape[-1] // 2
    angle = np.arange(start, start + x.shape[-2])[:, None] * 10000.0 ** (-np.arange(h) / h)
    c, s = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    return np.concatenate((x[..., :h] * c - x[..., h:] * s, x[..., :h] * s + x[..., h:] * c), -1)


def th_rope(x):
    h = x.shape[-1] // 2
    angle = torch.from_numpy(np.arange(x.shape[-2])[:, None] * 10000.0 ** (-np.arange(h) / h))
    c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    return torch.cat((x[..., :h] * c - x[..., h:] * s, x[..., :h] * s + x[..., h:] * c), -1)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.rope = c.n_head, c.positions == "rope"
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.proj = nn.Linear(c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (z.view(B, T, self.heads, -1).transpose(1, 2) for z in self.qkv(x).split(C, -1))
        if self.rope:
            q, k = th_rope(q), th_rope(k)
        s = (q @ k.transpose(2, 3)) / (C / self.heads) ** 0.5
        s = s + torch.full((T, T), -math.inf, dtype=s.dtype).triu(1)
        return self.proj((self.drop(s.softmax(-1)) @ v).transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc = nn.Linear(c.n_embd, 4 * c.n_embd)
        self.proj = nn.Linear(4 * c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(c.n_embd), Attention(c), nn.LayerNorm(c.n_embd), MLP(c)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.tok_emb = nn.Embedding(c.vocab_size, c.n_embd)
        if c.positions == "learned":
            self.pos_emb = nn.Embedding(c.block_size, c.n_embd)
        self.drop = nn.Dropout(c.dropout)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.n_layer))
        self.ln_f = nn.LayerNorm(c.n_embd)
        self.head = nn.Linear(c.n_embd, c.vocab_size, bias=False)

    def _check(self, n):
        if n > self.config.block_size:
            raise ValueError(f"{n} tokens, {self.config.block_size} fit")

    def forward(self, idx, targets=None):
        self._check(idx.shape[1])
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb.weight[: idx.shape[1]]
        x = self.drop(x)
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x))
        if targets is None:
            return logits, None
        picked = logits[:, :-1].log_softmax(-1).take_along_dim(targets[:, 1:, None], -1)
        return logits, -picked.sum() / picked.numel()

    def _numpy(self, tokens, cache):
        """tokens [B, t] -> logits [B, t, V], both numpy; the cache grows in place. No dropout here: inference only."""
        me, start, (B, t) = View(self), cache.n, tokens.shape
        H = self.config.n_head
        cache.room_for(t)
        x = me.tok_emb.weight[tokens]
        if self.config.positions == "learned":
            x = x + me.pos_emb.weight[start : start + t]
        future = np.arange(start + t) > np.arange(start, start + t)[:, None]
        for block, (K, V) in zip(map(View, self.blocks), cache.a):
            qkv = affine(norm(x, block.ln_1), block.attn.qkv).reshape(B, t, 3, H, -1)
            q, k, v = (np.ascontiguousarray(qkv[:, :, i].transpose(0, 2, 1, 3)) for i in range(3))
            if self.config.positions == "rope":
                q, k = np_rope(q, start), np_rope(k, start)
            K[:, :, start : start + t], V[:, :, start : start + t] = k, v
            s = q @ K[:, :, : start + t].swapaxes(2, 3) / math.sqrt(q.shape[-1])
            s[:, :, future] = -np.inf
            s = np.exp(s - s.max(-1, keepdims=True))
            y = s @ V[:, :, : start + t] / s.sum(-1, keepdims=True)
            x = x + affine(y.transpose(0, 2, 1, 3).reshape(B, t, -1), block.attn.proj)
            x = x + affine(gelu(affine(norm(x, block.ln_2), block.mlp.fc)), block.mlp.proj)
        cache.n += t
        return norm(x, me.ln_f) @ me.head.weight.T

    def prefill(self, idx):
        self._check(idx.shape[1])
        c, w = self.config, self.tok_emb.weight.detach().numpy()
        cache = Buffers(c.n_layer, idx.shape[0], c.n_head, c.n_embd // c.n_head, w.dtype)
        return torch.from_numpy(self._numpy(idx.numpy(), cache)), cache

    def decode(self, tokens, cache):
        self._check(cache.n + tokens.shape[1])
        return torch.from_numpy(self._numpy(tokens.numpy(), cache)), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        size, modes, cache = self.config.block_size, [m.training for m in self.modules()], None
        self.eval()
        try:
            for _ in range(max_new_tokens):
                if not use_cache:
                    logits = self(idx[:, -size:])[0]
                elif cache is None or idx.shape[1] > size:
                    logits, cache = self.prefill(idx[:, -size:])
                else:
                    logits, cache = self.decode(idx[:, -1:], cache)
                idx = torch.cat((idx, logits[:, -1:].argmax(-1)), 1)
        finally:
            for m, mode in zip(self.modules(), modes):
                m.training = mode
        return idx
