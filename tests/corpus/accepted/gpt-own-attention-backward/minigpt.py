import math
from dataclasses import dataclass

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


class CausalAttention(torch.autograd.Function):
    """softmax(q k^T / sqrt(d) + causal) v with queries standing at the end of the keys; O(T * block) extra memory."""

    BLOCK = 96

    @staticmethod
    def _scores(q, k, a, b):
        T, S = q.size(-2), k.size(-2)
        s = torch.einsum("bhtd,bhsd->bhts", q, k[:, :, a:b]) / math.sqrt(q.size(-1))
        row = torch.arange(S - T, S).unsqueeze(1)
        return s.masked_fill(torch.arange(a, b) > row, -math.inf)

    @staticmethod
    def forward(ctx, q, k, v):
        S = k.size(-2)
        parts = [(a, min(a + CausalAttention.BLOCK, S)) for a in range(0, S, CausalAttention.BLOCK)]
        lse = torch.stack([CausalAttention._scores(q, k, a, b).logsumexp(-1) for a, b in parts]).logsumexp(0)
        out = torch.zeros_like(q)
        for a, b in parts:
            w = (CausalAttention._scores(q, k, a, b) - lse.unsqueeze(-1)).exp()
            out = out + torch.einsum("bhts,bhsd->bhtd", w, v[:, :, a:b])
        ctx.parts = parts
        ctx.save_for_backward(q, k, v, out, lse)
        return out

    @staticmethod
    def backward(ctx, g):
        q, k, v, out, lse = ctx.saved_tensors
        scale = 1 / math.sqrt(q.size(-1))
        delta = (g * out).sum(-1, keepdim=True)
        dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for a, b in ctx.parts:
            w = (CausalAttention._scores(q, k, a, b) - lse.unsqueeze(-1)).exp()
            dv[:, :, a:b] = torch.einsum("bhts,bhtd->bhsd", w, g)
            ds = w * (torch.einsum("bhtd,bhsd->bhts", g, v[:, :, a:b]) - delta) * scale
            dq += torch.einsum("bhts,bhsd->bhtd", ds, k[:, :, a:b])
            dk[:, :, a:b] = torch.einsum("bhts,bhtd->bhsd", ds, q)
        return dq, dk, dv


class Rotary(nn.Module):
    def __init__(self, d, length):
        super().__init__()
        i = torch.arange(d // 2, dtype=torch.float64)
        angle = torch.arange(length, dtype=torch.float64)[:, None] * 10000.0 ** (-2 * i / d)
        self.register_buffer("wave", torch.stack((angle.cos(), angle.sin())), persistent=False)  # float64 at first

    def forward(self, x, lo):
        c, s = self.wave[:, lo:lo + x.size(-2)].to(x.dtype)
        a, b = x.tensor_split(2, -1)
        return torch.cat((c * a - s * b, s * a + c * b), -1)


class Attn(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.h = cfg.n_head
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.rotary = Rotary(cfg.n_embd // cfg.n_head, cfg.block_size) if cfg.positions == "rope" else None

    def forward(self, x, past):
        B, T, C = x.shape
        q, k, v = self.qkv(x).reshape(B, T, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        lo = past[0].size(2) if past else 0
        if self.rotary is not None:
            q, k = self.rotary(q, lo), self.rotary(k, lo)
        if past:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        y = CausalAttention.apply(q, k, v)
        return self.proj(y.permute(0, 2, 1, 3).reshape(B, T, C)), [k, v]


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.act = nn.GELU()
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)

    def forward(self, x):
        return self.proj(self.act(self.fc(x)))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(cfg.n_embd), nn.LayerNorm(cfg.n_embd)
        self.attn, self.mlp = Attn(cfg), MLP(cfg)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x, past):
        y, pair = self.attn(self.ln_1(x), past)
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.ln_2(x))), pair


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.cfg = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.pos_emb = nn.Embedding(config.block_size, config.n_embd) if config.positions == "learned" else None
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def _step(self, idx, cache):
        lo = cache[0][0].size(2) if cache else 0
        if lo + idx.size(1) > self.cfg.block_size:
            raise ValueError("block_size exceeded")
        x = self.tok_emb(idx)
        if self.pos_emb is not None:
            x = x + self.pos_emb(torch.arange(lo, lo + idx.size(1)))
        x, pairs = self.drop(x), []
        for block, past in zip(self.blocks, cache or [None] * len(self.blocks)):
            x, pair = block(x, past)
            pairs.append(pair)
        return self.head(self.ln_f(x)), pairs

    def forward(self, idx, targets=None):
        logits = self._step(idx, None)[0]
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].mT, targets[:, 1:])

    def prefill(self, idx):
        return self._step(idx, None)

    def decode(self, tokens, cache):
        return self._step(tokens, cache)

    def generate(self, idx, max_new_tokens, use_cache=True):
        modules = list(self.modules())
        modes = [m.training for m in modules]
        self.train(False)
        with torch.no_grad():
            cache, limit = None, self.cfg.block_size
            while max_new_tokens > 0:
                if cache is None or not use_cache or idx.size(1) > limit:
                    logits, cache = self._step(idx[:, -limit:], None)
                else:
                    logits, cache = self._step(idx[:, -1:], cache)
                idx = torch.hstack((idx, logits[:, -1].argmax(1)[:, None]))
                max_new_tokens -= 1
        for m, mode in zip(modules, modes):
            m.training = mode
        return idx
