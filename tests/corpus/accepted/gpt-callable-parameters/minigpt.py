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


class Matrix(nn.Parameter):
    """W [out, in]; W(x) is x W^T."""

    @classmethod
    def random(cls, *shape):
        return cls(torch.randn(*shape) * 0.02)

    def __call__(self, x, shift=None):
        return F.linear(x, self, shift)


class Table(Matrix):
    """Rows looked up by number."""

    def __call__(self, rows):
        return torch.index_select(self, 0, rows.reshape(-1)).view(*rows.shape, -1)


class Shift(nn.Parameter):
    @classmethod
    def zeros(cls, n):
        return cls(torch.zeros(n))


class Gain(nn.Parameter):
    @classmethod
    def ones(cls, n):
        return cls(torch.ones(n))

    def __call__(self, x, shift):
        centred = x - x.mean(-1, keepdim=True)
        return centred * (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * self + shift


class Affine(nn.Module):
    def __init__(self, weight, bias=None):
        super().__init__()
        self.weight = weight
        if bias is not None:
            self.bias = bias

    def forward(self, x):
        return self.weight(x, self._parameters.get("bias"))


class Lookup(nn.Module):
    def __init__(self, rows, width):
        super().__init__()
        self.weight = Table.random(rows, width)

    def forward(self, rows):
        return self.weight(rows)


class Pair:
    """Keys and values time-major [S, B, H, d], handed out as [B, H, S, d]."""

    __slots__ = ("parts",)

    def __init__(self, k, v):
        self.parts = (k, v)

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.parts[i].permute(1, 2, 0, 3)

    def grown(self, k, v):
        return Pair(torch.cat((self.parts[0], k)), torch.cat((self.parts[1], v)))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.qkv = Affine(Matrix.random(3 * c.n_embd, c.n_embd), Shift.zeros(3 * c.n_embd))
        self.proj = Affine(Matrix.random(c.n_embd, c.n_embd), Shift.zeros(c.n_embd))

    def forward(self, x, past, first):
        B, T, C = x.shape
        H = self.c.n_head
        q, k, v = self.qkv(x).view(B, T, 3, H, C // H).permute(2, 1, 0, 3, 4)  # [T, B, H, d]
        if self.c.positions == "rope":
            d = C // H
            p = torch.arange(first, first + T, dtype=torch.float64)
            w = torch.tensor([10000.0 ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)
            a = (p[:, None] * w)[:, None, None, :]
            cos, sin = a.cos().to(x.dtype), a.sin().to(x.dtype)
            q, k = (torch.cat((z[..., :d // 2] * cos - z[..., d // 2:] * sin,
                               z[..., :d // 2] * sin + z[..., d // 2:] * cos), -1) for z in (q, k))
        pair = Pair(k, v) if past is None else past.grown(k, v)
        keys, values = pair.parts
        s = torch.einsum("tbhd,sbhd->tsbh", q, keys) / math.sqrt(q.size(-1))
        blind = torch.arange(keys.size(0)) > torch.arange(first, first + T).unsqueeze(1)
        s = s.masked_fill(blind[:, :, None, None], -math.inf)
        s = F.dropout(s.softmax(1), self.c.dropout, self.training)
        y = torch.einsum("tsbh,sbhd->bthd", s, values).reshape(B, T, C)
        return F.dropout(self.proj(y), self.c.dropout, self.training), pair


class Feed(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.rate = c.dropout
        self.fc = Affine(Matrix.random(4 * c.n_embd, c.n_embd), Shift.zeros(4 * c.n_embd))
        self.proj = Affine(Matrix.random(c.n_embd, 4 * c.n_embd), Shift.zeros(c.n_embd))

    def forward(self, x):
        return F.dropout(self.proj(F.gelu(self.fc(x))), self.rate, self.training)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1 = Affine(Gain.ones(c.n_embd), Shift.zeros(c.n_embd))
        self.attn = Attention(c)
        self.ln_2 = Affine(Gain.ones(c.n_embd), Shift.zeros(c.n_embd))
        self.mlp = Feed(c)


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.tok_emb = Lookup(c.vocab_size, c.n_embd)
        if c.positions == "learned":
            self.pos_emb = Lookup(c.block_size, c.n_embd)
        self.blocks = nn.ModuleList([Block(c) for _ in range(c.n_layer)])
        self.ln_f = Affine(Gain.ones(c.n_embd), Shift.zeros(c.n_embd))
        self.head = Affine(Matrix.random(c.vocab_size, c.n_embd))

    def _walk(self, idx, pairs):
        first = len(pairs[0].parts[0]) if pairs else 0
        places = torch.arange(first, first + idx.size(1))
        if len(places) + first > self.config.block_size:
            raise ValueError("no place left in the block")
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(places)
        x = F.dropout(x, self.config.dropout, self.training)
        out = []
        for n, b in enumerate(self.blocks):
            y, pair = b.attn(b.ln_1(x), pairs[n] if pairs else None, first)
            x = x + y
            x = x + b.mlp(b.ln_2(x))
            out.append(pair)
        return self.head(self.ln_f(x)), out

    def forward(self, idx, targets=None):
        logits, _ = self._walk(idx, None)
        if targets is None:
            return logits, None
        rows = logits[:, :-1].reshape(-1, logits.size(-1))
        return logits, F.cross_entropy(rows, targets[:, 1:].reshape(-1))

    def prefill(self, idx):
        return self._walk(idx, None)

    def decode(self, tokens, cache):
        return self._walk(tokens, cache)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = {name: m.training for name, m in self.named_modules()}
        self.eval()
        try:
            pairs, size = None, self.config.block_size
            for _ in range(max_new_tokens):
                keep = use_cache and pairs is not None and idx.size(1) <= size
                logits, pairs = self._walk(idx[:, -1:], pairs) if keep else self._walk(idx[:, -size:], None)
                idx = torch.cat((idx, logits[:, -1].argmax(-1, keepdim=True)), -1)
            return idx
        finally:
            for name, m in self.named_modules():
                m.training = modes[name]
