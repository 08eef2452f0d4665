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


class StaticCache:
    """Room for block_size tokens in every layer; used says how many are there."""

    def __init__(self, layers, batch, heads, room, size, dtype):
        self.data = torch.empty(layers, 2, batch, heads, room, size, dtype=dtype)
        self.used = 0

    def write(self, layer, k, v):
        end = self.used + k.size(2)
        self.data[layer, 0, :, :, self.used : end] = k
        self.data[layer, 1, :, :, self.used : end] = v
        return self.data[layer, 0, :, :, :end], self.data[layer, 1, :, :, :end]

    def __len__(self):
        return self.data.size(0)

    def __iter__(self):
        for layer in self.data:
            yield layer[0, :, :, : self.used], layer[1, :, :, : self.used]


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.h = cfg.n_head
        self.rotary = cfg.positions == "rope"
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.p = cfg.dropout

    def split(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return [t.reshape(*t.shape[:2], self.h, -1).transpose(1, 2) for t in (q, k, v)]

    def forward(self, x, first, cache, layer):
        q, k, v = self.split(x)
        if self.rotary:
            q, k = self.rotate(q, first), self.rotate(k, first)
        if cache is not None:
            k, v = cache.write(layer, k, v)
        att = (q @ k.transpose(2, 3)) / math.sqrt(q.size(3))
        query = torch.arange(first, first + q.size(2)).view(-1, 1)
        key = torch.arange(k.size(2)).view(1, -1)
        att = att.masked_fill(key > query, float("-inf"))
        att = F.dropout(F.softmax(att, dim=-1), self.p, self.training)
        y = (att @ v).transpose(1, 2).flatten(2)
        return F.dropout(self.proj(y), self.p, self.training)

    @staticmethod
    def rotate(x, first):
        half = x.size(3) // 2
        speed = torch.pow(10000.0, -torch.arange(half).to(x.dtype) / half)
        angle = torch.arange(first, first + x.size(2)).to(x.dtype).unsqueeze(1) * speed
        sin, cos = angle.sin(), angle.cos()
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=3)


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)
        self.p = cfg.dropout

    def forward(self, x):
        return F.dropout(self.proj(F.gelu(self.fc(x), approximate="none")), self.p, self.training)


class Layer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(cfg.n_embd), nn.LayerNorm(cfg.n_embd)
        self.attn, self.mlp = Attention(cfg), MLP(cfg)


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.cfg = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleList()
        for _ in range(config.n_layer):
            self.blocks.append(Layer(config))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def check(self, n):
        if n > self.cfg.block_size:
            raise ValueError(f"length {n} > block_size {self.cfg.block_size}")

    def compute(self, idx, first, cache):
        self.check(first + idx.size(1))
        x = self.tok_emb(idx)
        if hasattr(self, "pos_emb"):
            x = x + self.pos_emb(torch.arange(first, first + idx.size(1), device=idx.device))
        x = F.dropout(x, self.cfg.dropout, self.training)
        for i, layer in enumerate(self.blocks):
            x = x + layer.attn(layer.ln_1(x), first, cache, i)
            x = x + layer.mlp(layer.ln_2(x))
        if cache is not None:
            cache.used = first + idx.size(1)
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self.compute(idx, 0, None)
        if targets is None:
            return logits, None
        predicted = logits[:, :-1].contiguous()
        wanted = targets[:, 1:].contiguous()
        return logits, F.cross_entropy(predicted.view(-1, predicted.size(-1)), wanted.view(-1))

    def new_cache(self, batch):
        c, w = self.cfg, self.head.weight
        return StaticCache(c.n_layer, batch, c.n_head, c.block_size, c.n_embd // c.n_head, w.dtype)

    def prefill(self, idx):
        cache = self.new_cache(idx.size(0))
        return self.compute(idx, 0, cache), cache

    def decode(self, tokens, cache):
        return self.compute(tokens, cache.used, cache), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = {m: m.training for m in self.modules()}
        self.eval()
        n, total = idx.size(1), idx.size(1) + max_new_tokens
        out = torch.zeros(idx.size(0), total, dtype=torch.long)
        out[:, :n] = idx
        cache = None
        while n < total:
            low = max(0, n - self.cfg.block_size)
            if not use_cache or low > 0:
                logits = self.compute(out[:, low:n], 0, None)
            elif cache is None:
                logits, cache = self.prefill(out[:, :n])
            else:
                logits, cache = self.decode(out[:, n - 1 : n], cache)
            out[:, n] = logits[:, -1].argmax(1)
            n += 1
        for m, t in modes.items():
            m.training = t
        return out
