"""Two paths: a batched forward for training, and a step for one token that is all inference knows."""

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


def spin(x, p):
    """x [..., d] at positions p, broadcastable to x without its last axis."""
    d = x.shape[-1]
    w = torch.tensor([10000.0 ** (-2 * i / d) for i in range(d // 2)], dtype=x.dtype)
    c, s = torch.cos(p[..., None] * w), torch.sin(p[..., None] * w)
    return torch.cat([x[..., : d // 2] * c - x[..., d // 2 :] * s, x[..., : d // 2] * s + x[..., d // 2 :] * c], -1)


class Attn(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.nh = cfg.n_head
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)


class Mlp(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x)))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd)
        self.attn = Attn(cfg)
        self.ln_2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = Mlp(cfg)


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.cfg = config
        self.is_rope = config.positions == "rope"
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if not self.is_rope:
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx, targets=None):
        B, T = idx.shape
        if T > self.cfg.block_size:
            raise ValueError(f"{T} > {self.cfg.block_size}")
        p = torch.arange(T)
        x = self.tok_emb(idx)
        x = self.drop(x if self.is_rope else x + self.pos_emb(p))
        for block in self.blocks:
            a = block.attn
            q, k, v = a.qkv(block.ln_1(x)).view(B, T, 3, a.nh, -1).unbind(2)  # [B, T, H, d]
            if self.is_rope:
                pp = p.to(x.dtype)[:, None]
                q, k = spin(q, pp), spin(k, pp)
            w = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(q.shape[-1])
            w = w.masked_fill(p[None, :] > p[:, None], -math.inf).softmax(-1)
            y = torch.einsum("bhts,bshd->bthd", w, v).reshape(B, T, -1)
            x = x + self.drop(a.proj(y))
            x = x + self.drop(block.mlp(block.ln_2(x)))
        logits = self.head(self.ln_f(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].mT, targets[:, 1:])

    def step(self, token, kv):
        """token [B] -> logits [B, V]; kv grows in place by one position."""
        t = kv[0][0].shape[2]
        if t >= self.cfg.block_size:
            raise ValueError("the cache is full")
        x = self.tok_emb(token)  # [B, C]
        if not self.is_rope:
            x = x + self.pos_emb.weight[t]
        x = self.drop(x)
        for i, block in enumerate(self.blocks):
            a = block.attn
            q, k, v = (z.unflatten(-1, (a.nh, -1)) for z in a.qkv(block.ln_1(x)).chunk(3, -1))  # [B, H, d]
            if self.is_rope:
                p = torch.tensor(float(t), dtype=x.dtype)
                q, k = spin(q, p), spin(k, p)
            kv[i][0] = torch.cat([kv[i][0], k[:, :, None]], 2)
            kv[i][1] = torch.cat([kv[i][1], v[:, :, None]], 2)
            w = (kv[i][0] @ q[..., None])[..., 0] / math.sqrt(q.shape[-1])  # [B, H, S]; nothing later is there to mask
            y = (w.softmax(-1)[:, :, None] @ kv[i][1])[:, :, 0].flatten(1)
            x = x + self.drop(a.proj(y))
            x = x + self.drop(block.mlp(block.ln_2(x)))
        return self.head(self.ln_f(x))

    def blank(self, batch):
        shape = (batch, self.cfg.n_head, 0, self.cfg.n_embd // self.cfg.n_head)
        w = self.head.weight
        return [[w.new_zeros(shape), w.new_zeros(shape)] for _ in self.blocks]

    def prefill(self, idx):
        if idx.shape[1] > self.cfg.block_size:
            raise ValueError("the prompt is too long")
        return self.decode(idx, self.blank(idx.shape[0]))

    def decode(self, tokens, cache):
        if cache[0][0].shape[2] + tokens.shape[1] > self.cfg.block_size:
            raise ValueError("no room")
        logits = [self.step(tokens[:, j], cache) for j in range(tokens.shape[1])]
        return torch.stack(logits, 1), cache

    def generate(self, idx, max_new_tokens, use_cache=True):
        was = [(m, m.training) for m in self.modules()]
        self.eval()
        with torch.no_grad():
            kv = last = None
            for _ in range(max_new_tokens):
                if not use_cache or idx.shape[1] > self.cfg.block_size:
                    last = self.forward(idx[:, -self.cfg.block_size :])[0][:, -1]
                elif kv is None:
                    kv = self.blank(idx.shape[0])
                    for j in range(idx.shape[1]):
                        last = self.step(idx[:, j], kv)
                else:
                    last = self.step(idx[:, -1], kv)
                idx = torch.cat([idx, last.argmax(-1)[:, None]], 1)
        for m, mode in was:
            m.training = mode
        return idx
