import contextvars
import logging
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("minigpt")
CURRENT = contextvars.ContextVar("kv", default=None)


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Book:
    """{("k", layer): [B, H, T, d], ("v", layer): ...}"""

    def __init__(self):
        self.pages, self.position = {}, 0

    def add(self, key, x):
        old = self.pages.get(key)
        self.pages[key] = x if old is None else torch.cat((old, x), dim=2)
        return self.pages[key]

    def __enter__(self):
        self.token = CURRENT.set(self)
        return self

    def __exit__(self, *_):
        CURRENT.reset(self.token)

    def __iter__(self):
        layers = sorted({layer for _, layer in self.pages})
        return iter(tuple((self.pages["k", n], self.pages["v", n]) for n in layers))


class Attn(nn.Module):
    def __init__(self, cfg, number):
        super().__init__()
        self.cfg, self.number = cfg, number
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)

    def forward(self, x):
        book, cfg = CURRENT.get(), self.cfg
        B, T, C = x.shape
        d = C // cfg.n_head
        at = book.position if book else 0
        q, k, v = self.qkv(x).view(B, T, 3, cfg.n_head, d).permute(2, 0, 3, 1, 4)
        if cfg.positions == "rope":
            w = 10000 ** (torch.arange(0, -d, -2, dtype=torch.float64) / d)
            a = (at + torch.arange(T, dtype=torch.float64))[:, None] * w
            # q + ik times e^{ia}: rotate by multiplying out the two halves
            rot = lambda z: torch.cat([z[..., : d // 2] * a.cos().to(z) - z[..., d // 2 :] * a.sin().to(z),
                                       z[..., : d // 2] * a.sin().to(z) + z[..., d // 2 :] * a.cos().to(z)], -1)
            q, k = rot(q), rot(k)
        if book is not None:
            k, v = book.add(("k", self.number), k), book.add(("v", self.number), v)
        if T == 1:
            score = (k @ q.transpose(2, 3)).transpose(2, 3)  # a row sees all
        else:  # only ever at the start of a sequence
            score = (q @ k.transpose(2, 3)).masked_fill(torch.triu(torch.full((T, T), True), 1), -1e30)
        w = F.dropout((score / d**0.5).softmax(3), cfg.dropout, self.training)
        return self.proj((w @ v).transpose(1, 2).reshape(B, T, C))


class Mlp(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc, self.proj = nn.Linear(cfg.n_embd, 4 * cfg.n_embd), nn.Linear(4 * cfg.n_embd, cfg.n_embd)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x)))


class Block(nn.Module):
    def __init__(self, cfg, number):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(cfg.n_embd), Attn(cfg, number)
        self.ln_2, self.mlp = nn.LayerNorm(cfg.n_embd), Mlp(cfg)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x):
        for norm, f in ((self.ln_1, self.attn), (self.ln_2, self.mlp)):
            x = x + self.drop(f(norm(x)))
        return x


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config, n) for n in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.drop = nn.Dropout(config.dropout)

    def check(self, stop):
        if stop > self.config.block_size:
            log.warning("asked for %d positions", stop)
            raise ValueError("block_size")

    def hidden(self, idx):
        book = CURRENT.get()
        at = book.position if book else 0
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(at, at + idx.size(1)))
        x = self.drop(x)
        for block in self.blocks:
            x = block(x)
        if book:
            book.position += idx.size(1)
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        self.check(idx.size(1))
        logits = self.hidden(idx)
        loss = None
        if targets is not None:
            loss = F.cross_entropy(torch.flatten(logits[:, :-1], 0, 1), torch.flatten(targets[:, 1:]))
        return logits, loss

    def prefill(self, idx):
        self.check(idx.size(1))
        with Book() as book:
            return self.hidden(idx), book

    def decode(self, tokens, cache):
        self.check(cache.position + tokens.size(1))
        with cache:
            return torch.cat([self.hidden(column) for column in tokens.split(1, 1)], dim=1), cache

    def generate(self, idx, max_new_tokens, use_cache=True):
        log.info("generate %d", max_new_tokens)
        modes = {m: m.training for m in self.modules()}
        for m in modes:
            m.training = False
        try:
            with torch.set_grad_enabled(False):
                N = self.config.block_size
                tokens, book = idx, None
                for _ in range(max_new_tokens):
                    if use_cache and book and tokens.size(1) <= N:
                        logits, book = self.decode(tokens[:, -1:], book)
                    else:
                        logits, book = self.prefill(tokens[:, max(0, tokens.size(1) - N) :])
                    tokens = torch.cat([tokens, logits[:, -1].argmax(-1, keepdim=True)], -1)
                return tokens
        finally:
            for m, t in modes.items():
                m.training = t
