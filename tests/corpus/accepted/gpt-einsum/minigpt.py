import math
from dataclasses import dataclass

import torch
from torch import einsum, nn


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class KVStore:
    """Dictionaries inside, pairs outside."""

    def __init__(self):
        self.keys = {}
        self.values = {}

    @property
    def length(self):
        return self.keys[0].shape[2] if self.keys else 0

    def append(self, layer, k, v):
        if layer in self.keys:
            k = torch.cat([self.keys[layer], k], 2)
            v = torch.cat([self.values[layer], v], 2)
        self.keys[layer], self.values[layer] = k, v
        return k, v

    def __iter__(self):
        for layer in sorted(self.keys):
            yield self.keys[layer], self.values[layer]


class Linear(nn.Module):
    def __init__(self, n_in, n_out, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None

    def forward(self, x):
        y = einsum("bti,oi->bto", x, self.weight)
        return y if self.bias is None else y + self.bias


class Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.layer, self.heads, self.rope = layer, config.n_head, config.positions == "rope"
        self.qkv = Linear(config.n_embd, 3 * config.n_embd)
        self.proj = Linear(config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        n = config.block_size
        self.register_buffer("allowed", torch.arange(n)[:, None] >= torch.arange(n)[None, :], persistent=False)
        half = config.n_embd // config.n_head // 2
        self.register_buffer("freq", 10000.0 ** -(torch.arange(half) / half), persistent=False)

    def turn(self, x, p0):
        theta = einsum("t,f->tf", torch.arange(p0, p0 + x.shape[2]).to(x.dtype), self.freq)
        a, b = x.split(x.shape[-1] // 2, -1)
        first = einsum("bhtf,tf->bhtf", a, theta.cos()) - einsum("bhtf,tf->bhtf", b, theta.sin())
        second = einsum("bhtf,tf->bhtf", a, theta.sin()) + einsum("bhtf,tf->bhtf", b, theta.cos())
        return torch.cat([first, second], -1)

    def forward(self, x, store):
        B, T, C = x.shape
        packed = self.qkv(x).reshape(B, T, 3, self.heads, C // self.heads)
        q, k, v = einsum("btnhd->nbhtd", packed)
        p0 = store.keys[self.layer].shape[2] if self.layer in store.keys else 0
        if self.rope:
            q, k = self.turn(q, p0), self.turn(k, p0)
        k, v = store.append(self.layer, k, v)
        scores = einsum("bhtd,bhsd->bhts", q, k) * (C // self.heads) ** -0.5
        scores = torch.where(self.allowed[p0 : p0 + T, : p0 + T], scores, torch.tensor(-1e9, dtype=x.dtype))
        y = einsum("bhts,bhsd->bthd", self.drop(torch.softmax(scores, -1)), v)
        return self.drop(self.proj(y.reshape(B, T, C)))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc = Linear(config.n_embd, 4 * config.n_embd)
        self.proj = Linear(4 * config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x):
        h = self.fc(x)
        return self.drop(self.proj(h * 0.5 * (1.0 + torch.erf(h / math.sqrt(2.0)))))


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config, layer)
        self.mlp = MLP(config)

    def forward(self, x, store):
        x = x + self.attn(self.ln_1(x), store)
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.block_size = config.block_size
        self.head = Linear(config.n_embd, config.vocab_size, bias=False)
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.blocks = nn.Sequential(*[Block(config, i) for i in range(config.n_layer)])
        self.pos_emb = nn.Embedding(config.block_size, config.n_embd) if config.positions != "rope" else None
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def _continue(self, idx, store):
        p0, T = store.length, idx.shape[1]
        if p0 + T > self.block_size:
            raise ValueError(f"{p0} + {T} tokens do not fit into {self.block_size}")
        x = self.tok_emb(idx)
        if self.pos_emb is not None:
            x = x + self.pos_emb(torch.arange(p0, p0 + T)[None])
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, store)
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self._continue(idx, KVStore())
        if targets is None:
            return logits, None
        logp = logits[:, :-1].log_softmax(-1)
        picked = logp.gather(-1, targets[:, 1:, None])
        return logits, -picked.mean()

    def prefill(self, idx):
        store = KVStore()
        return self._continue(idx, store), store

    def decode(self, tokens, cache):
        return self._continue(tokens, cache), cache

    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [m.training for m in self.modules()]
        self.eval()
        try:
            with torch.inference_mode():
                out, store = idx.clone(), None
                for _ in range(max_new_tokens):
                    context = out[:, -self.block_size :]
                    slid = out.shape[1] > self.block_size
                    if use_cache and store is not None and not slid:
                        logits = self._continue(out[:, -1:], store)
                    else:
                        store = KVStore()
                        logits = self._continue(context, store)
                    out = torch.cat([out, logits[:, -1].argmax(-1)[:, None]], 1)
            return out.clone()
        finally:
            for m, mode in zip(self.modules(), modes):
                m.training = mode
