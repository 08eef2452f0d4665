from dataclasses import dataclass, field

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


@dataclass
class History:
    chunks: list = field(default_factory=list)  # (k, v) per call

    @property
    def total(self):
        return sum(k.shape[-2] for k, _ in self.chunks)

    def joined(self):
        keys, values = zip(*self.chunks)
        return torch.cat(keys, -2), torch.cat(values, -2)


class Histories(tuple):
    def __iter__(self):
        return (h.joined() for h in tuple.__iter__(self))


class Rotary:
    def __init__(self, d):
        self.d = d

    def __call__(self, x, start):
        j = torch.arange(self.d, device=x.device) % (self.d // 2)
        angle = torch.arange(start, start + x.shape[-2])[:, None].to(x.dtype) / 10000.0 ** (2 * j.to(x.dtype) / self.d)
        sign = torch.where(torch.arange(self.d) < self.d // 2, -1.0, 1.0).to(x.dtype)
        return x * torch.cos(angle) + sign * x.roll(self.d // 2, -1) * torch.sin(angle)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.shape = (c.n_head, c.n_embd // c.n_head)
        self.turn = Rotary(self.shape[1]) if c.positions == "rope" else (lambda x, start: x)
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.proj = nn.Linear(c.n_embd, c.n_embd)
        self.attn_dropout, self.resid_dropout = nn.Dropout(c.dropout), nn.Dropout(c.dropout)

    def forward(self, x, history):
        q, k, v = self.qkv(x).unflatten(-1, (3, *self.shape)).permute(2, 0, 3, 1, 4).unbind(0)
        start = history.total
        history.chunks.append((self.turn(k, start), v))
        q = self.turn(q, start) * self.shape[1] ** -0.5
        # Old chunks are seen whole; only the newest needs a mask.
        parts = [q @ k.mT for k, _ in history.chunks]
        n = x.shape[1]
        parts[-1] = parts[-1] + torch.full((n, n), -torch.inf, dtype=x.dtype).triu(1)
        weights = self.attn_dropout(torch.cat(parts, -1).softmax(-1))
        split = weights.split([part.shape[-1] for part in parts], -1)
        y = sum(w @ v for w, (_, v) in zip(split, history.chunks))
        return self.resid_dropout(self.proj(y.transpose(1, 2).flatten(-2)))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc = nn.Linear(c.n_embd, 4 * c.n_embd)
        self.proj = nn.Linear(4 * c.n_embd, c.n_embd)
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x):
        return self.dropout(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1 = nn.LayerNorm(c.n_embd)
        self.attn = Attention(c)
        self.ln_2 = nn.LayerNorm(c.n_embd)
        self.mlp = MLP(c)

    def forward(self, x, history):
        x = x + self.attn(self.ln_1(x), history)
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def fresh(self):
        return Histories(History() for _ in self.blocks)

    def extend(self, idx, histories):
        layers = list(tuple.__iter__(histories))
        start = layers[0].total
        if start + idx.shape[1] > self.config.block_size:
            raise ValueError(f"no room for {idx.shape[1]} more tokens after {start}")
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(start + torch.arange(idx.shape[1]))
        x = self.dropout(x)
        for block, layer in zip(self.blocks, layers, strict=True):
            x = block(x, layer)
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self.extend(idx, self.fresh())
        if targets is None:
            return logits, None
        loss = F.nll_loss(F.log_softmax(logits[:, :-1], -1).permute(0, 2, 1), targets[:, 1:])
        return logits, loss

    def prefill(self, idx):
        cache = self.fresh()
        return self.extend(idx, cache), cache

    def decode(self, tokens, cache):
        return self.extend(tokens, cache), cache

    def generate(self, idx, max_new_tokens, use_cache=True):
        was = {m: m.training for m in self.modules()}
        grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        self.eval()
        try:
            cache = None
            for _ in range(max_new_tokens):
                context = idx[:, -self.config.block_size :]
                if use_cache and cache is not None and idx.shape[1] == context.shape[1]:
                    logits = self.extend(idx[:, -1:], cache)
                else:
                    cache = self.fresh()
                    logits = self.extend(context, cache)
                idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], -1)
            return idx
        finally:
            torch.set_grad_enabled(grad)
            for m, training in was.items():
                m.training = training
