"""vLLM in small: the model owns a pool of pages, a cache is a table of page numbers."""
import math
import weakref
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


PAGE = 16


class Pool:
    """pages [n, L, 2, H, PAGE, d] of one dtype."""

    def __init__(self, config, dtype):
        self.shape = (config.n_layer, 2, config.n_head, PAGE, config.n_embd // config.n_head)
        self.pages = torch.full((8, *self.shape), math.nan, dtype=dtype)
        self.free = list(range(8))

    def take(self, n):
        while len(self.free) < n:
            old = len(self.pages)
            self.pages = torch.cat([self.pages, torch.full_like(self.pages, math.nan)])
            self.free.extend(range(old, 2 * old))
        return [self.free.pop() for _ in range(n)]

    def give(self, lists):
        for pages in lists:
            self.free.extend(pages)


class Ticket:
    """One generation: page numbers of every row, and how many tokens they hold."""

    def __init__(self, pool, rows):
        self.pool, self.length = pool, 0
        self.table = [[] for _ in range(rows)]
        weakref.finalize(self, pool.give, self.table)

    def reserve(self, total):
        for row in self.table:
            row.extend(self.pool.take(-(-total // PAGE) - len(row)))
        self.index = torch.tensor(self.table)  # [B, n]

    def write(self, layer, k, v):
        t = torch.arange(self.length, self.length + k.shape[2])
        page, slot = self.index[:, t // PAGE], (t % PAGE).expand(len(self.table), -1)  # [B, t]
        self.pool.pages[page, layer, 0, :, slot] = k.transpose(1, 2)
        self.pool.pages[page, layer, 1, :, slot] = v.transpose(1, 2)

    def read(self, layer, total):
        got = self.pool.pages[self.index, layer]  # [B, n, 2, H, PAGE, d]
        k, v = got.permute(2, 0, 3, 1, 4, 5).flatten(3, 4)[:, :, :, :total]
        return k, v

    def __iter__(self):
        return (self.read(i, self.length) for i in range(self.pool.shape[0]))


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, ticket, layer):
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.config.n_head, -1).permute(2, 0, 3, 1, 4)
        lo = ticket.length if ticket else 0
        if self.config.positions == "rope":
            d = q.shape[-1]
            a = torch.arange(lo, lo + T).double()[:, None] / 10000.0 ** (torch.arange(0, d, 2).double() / d)
            c, s = a.cos().to(x.dtype), a.sin().to(x.dtype)
            q, k = (torch.cat([z[..., :d // 2] * c - z[..., d // 2:] * s, z[..., d // 2:] * c + z[..., :d // 2] * s], -1)
                    for z in (q, k))
        if ticket:
            ticket.write(layer, k, v)
            k, v = ticket.read(layer, lo + T)
        seen = torch.ones(T, lo + T, dtype=torch.bool).tril(lo)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self.drop(self.proj(y.transpose(1, 2).reshape(B, T, C)))


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
        self.ln_1, self.ln_2 = nn.LayerNorm(config.n_embd), nn.LayerNorm(config.n_embd)
        self.attn, self.mlp = Attention(config), MLP(config)

    def forward(self, x, ticket, layer):
        x = x + self.attn(self.ln_1(x), ticket, layer)
        return x + self.mlp(self.ln_2(x))


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
        self.pools = {}

    def _pool(self):
        dtype = self.tok_emb.weight.dtype
        if dtype not in self.pools:
            self.pools[dtype] = Pool(self.config, dtype)
        return self.pools[dtype]

    def _body(self, idx, ticket):
        lo = ticket.length if ticket else 0
        hi = lo + idx.shape[1]
        if hi > self.config.block_size:
            raise ValueError("block_size is passed")
        if ticket:
            ticket.reserve(hi)
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb.weight[lo:hi]
        x = self.drop(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, ticket, layer)
        if ticket:
            ticket.length = hi
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self._body(idx, None)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].transpose(1, 2), targets[:, 1:])

    @torch.no_grad()
    def prefill(self, idx):
        ticket = Ticket(self._pool(), len(idx))
        return self._body(idx, ticket), ticket

    @torch.no_grad()
    def decode(self, tokens, cache):
        return self._body(tokens, cache), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(m, m.training) for m in self.modules()]
        self.eval()
        try:
            bs, ticket = self.config.block_size, None
            for _ in range(max_new_tokens):
                if use_cache and ticket and ticket.length < bs:
                    logits, ticket = self.decode(idx[:, -1:], ticket)
                elif use_cache and idx.shape[1] < bs:
                    logits, ticket = self.prefill(idx)
                else:
                    logits = self._body(idx[:, -bs:], None)
                    ticket = None
                idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
            return idx
        finally:
            for m, mode in modes:
                m.training = mode
