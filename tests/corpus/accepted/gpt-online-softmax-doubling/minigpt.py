"""Attention by key tiles with a running maximum (as flash attention does); time-major buffers that double when full."""
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F

TILE = 96


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Store:
    """[capacity, B, H, d] for keys or values of one layer."""

    def __init__(self, first):  # first [T, B, H, d]
        self.n = first.shape[0]
        self.buf = first.new_zeros((max(8, self.n), *first.shape[1:]))
        self.buf[: self.n] = first

    def push(self, new):
        end = self.n + new.shape[0]
        while end > self.buf.shape[0]:
            self.buf = torch.cat([self.buf, torch.zeros_like(self.buf)])
        self.buf[self.n : end] = new
        self.n = end

    def view(self):
        return self.buf[: self.n].permute(1, 2, 0, 3)  # [B, H, T, d]


class Cache:
    def __init__(self):
        self.layers = []

    def length(self):
        return self.layers[0][0].n if self.layers else 0

    def __iter__(self):
        for ks, vs in self.layers:
            yield [ks.view(), vs.view()]


def tiled_attention(q, k, v, start, drop):
    """q [B, H, T, d]; k, v [B, H, S, d]; query i stands at start + i."""
    q = q * q.shape[-1] ** -0.5
    T, S = q.shape[2], k.shape[2]
    rows = torch.arange(start, start + T, device=q.device).view(T, 1)
    m = torch.full_like(q[..., :1], float("-inf"))
    den = torch.zeros_like(m)
    num = torch.zeros_like(q)
    for a in range(0, S, TILE):
        z = min(S, a + TILE)
        s = q @ k[:, :, a:z].transpose(-1, -2)
        s = s.masked_fill(rows < torch.arange(a, z, device=q.device), float("-inf"))
        m2 = torch.maximum(m, s.detach().amax(-1, keepdim=True))  # key 0 is in the first tile: never -inf
        e = torch.exp(s - m2)
        fix = torch.exp(m - m2)
        den = den * fix + e.sum(-1, keepdim=True)
        num = num * fix + drop(e) @ v[:, :, a:z]
        m = m2
    return num / den


class Rotary:
    def __init__(self, d):
        self.inv = [10000.0 ** (-2.0 * i / d) for i in range(d // 2)]

    def __call__(self, x, start):
        inv = torch.tensor(self.inv, dtype=torch.float64, device=x.device)
        ang = torch.arange(start, start + x.shape[2], dtype=torch.float64, device=x.device)[:, None] * inv[None]
        c, s = ang.cos().to(x.dtype), ang.sin().to(x.dtype)
        a, b = x.tensor_split(2, dim=-1)
        return torch.stack([a * c - b * s, a * s + b * c], dim=-2).flatten(-2)


class Attn(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.h = c.n_head
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.proj = nn.Linear(c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)
        self.rotary = Rotary(c.n_embd // c.n_head) if c.positions == "rope" else None

    def forward(self, x, stores):
        B, T, C = x.shape
        qkv = self.qkv(x).reshape(B, T, 3 * self.h, C // self.h).transpose(1, 2)
        q, k, v = qkv[:, : self.h], qkv[:, self.h : 2 * self.h], qkv[:, 2 * self.h :]
        start = stores[0].n if stores else 0
        if self.rotary:
            q, k = self.rotary(q, start), self.rotary(k, start)
        if stores is not None:
            tm = lambda z: z.detach().permute(2, 0, 1, 3)
            if stores:
                stores[0].push(tm(k)); stores[1].push(tm(v))
            else:
                stores.extend([Store(tm(k)), Store(tm(v))])
            k, v = stores[0].view(), stores[1].view()
        y = tiled_attention(q, k, v, start, self.drop)
        return self.drop(self.proj(y.permute(0, 2, 1, 3).reshape(B, T, C)))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc, self.proj = nn.Linear(c.n_embd, 4 * c.n_embd), nn.Linear(4 * c.n_embd, c.n_embd)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c.n_embd), nn.LayerNorm(c.n_embd)
        self.attn, self.mlp = Attn(c), Mlp(c)

    def forward(self, x, stores):
        x = x + self.attn(self.ln_1(x), stores)
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.pos_emb = nn.Embedding(config.block_size, config.n_embd) if config.positions == "learned" else None
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def _walk(self, idx, cache):
        start = cache.length() if cache is not None else 0
        T = idx.shape[1]
        if start + T > self.config.block_size:
            raise ValueError("too long")
        x = self.tok_emb(idx)
        if self.pos_emb is not None:
            x = x + self.pos_emb.weight.narrow(0, start, T)
        x = self.drop(x)
        if cache is not None and not cache.layers:
            cache.layers = [[] for _ in self.blocks]
        for i, b in enumerate(self.blocks):
            x = b(x, None if cache is None else cache.layers[i])
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self._walk(idx, None)
        if targets is None:
            return logits, None
        z = logits[:, :-1]
        right = z.gather(2, targets[:, 1:].unsqueeze(2)).squeeze(2)
        return logits, (z.logsumexp(2) - right).sum() / right.numel()

    def prefill(self, idx):
        cache = Cache()
        return self._walk(idx, cache), cache

    def decode(self, tokens, cache):
        return self._walk(tokens, cache), cache

    def generate(self, idx, max_new_tokens, use_cache=True):
        if max_new_tokens <= 0:
            return idx
        modes = {name: m.training for name, m in self.named_modules()}
        self.eval()
        try:
            with torch.no_grad():
                N, out, cache = self.config.block_size, [idx], None
                last, total = None, idx.shape[1]
                for _ in range(max_new_tokens):
                    if use_cache and cache is not None and total <= N:
                        logits = self._walk(last, cache)
                    else:
                        cache = Cache() if use_cache else None
                        logits = self._walk(torch.cat(out, 1)[:, -N:], cache)
                    last = torch.argmax(logits[:, -1, :], dim=-1)[:, None]
                    out.append(last)
                    total += 1
                return torch.cat(out, 1)
        finally:
            for name, m in self.named_modules():
                m.training = modes[name]
