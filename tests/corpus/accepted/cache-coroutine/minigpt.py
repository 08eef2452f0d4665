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


def turn(x, angle):
    a, b = x.tensor_split(2, dim=-1)
    c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    return torch.cat([a * c - b * s, a * s + b * c], dim=-1)


class Session:
    """The handle on a running generation."""

    def __init__(self, model):
        self.limit, self.length, self.pairs = model.config.block_size, 0, []
        self.talk = model._conversation(self.pairs)
        next(self.talk)

    def feed(self, tokens):
        # asked here, not inside: an exception would end the coroutine, and a refused chunk must not end a generation
        if self.length + tokens.shape[1] > self.limit:
            raise ValueError(f"{tokens.shape[1]} more tokens after {self.length} do not fit into {self.limit}")
        self.length += tokens.shape[1]
        return self.talk.send(tokens)

    def __iter__(self):
        return iter(list(self.pairs))


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.n_head = cfg.n_head
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def memory(self):
        """Coroutine of one layer: takes (x, angle), gives (output, (K, V))."""
        keys = values = answer = None
        while True:
            x, angle = yield answer
            q, k, v = (z.unflatten(2, (self.n_head, -1)).transpose(1, 2) for z in self.qkv(x).chunk(3, dim=2))
            if angle is not None:
                q, k = turn(q, angle), turn(k, angle)
            keys = k if keys is None else torch.cat([keys, k], dim=2)
            values = v if values is None else torch.cat([values, v], dim=2)
            score = torch.einsum("bhqd,bhkd->bhqk", q, keys).div(math.sqrt(q.shape[3]))
            unseen = torch.ones_like(score[0, 0], dtype=torch.bool).triu(1 + keys.shape[2] - q.shape[2])
            weight = self.drop(score.masked_fill(unseen, -math.inf).softmax(3))
            mixed = torch.einsum("bhqk,bhkd->bqhd", weight, values).flatten(2)
            answer = self.proj(mixed), (keys, values)


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd)
        self.attn = Attention(cfg)
        self.ln_2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = MLP(cfg)


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

    def _conversation(self, pairs):
        layers = [block.attn.memory() for block in self.blocks]
        for layer in layers:
            next(layer)
        half = self.config.n_embd // self.config.n_head // 2
        rate = 10000.0 ** -(torch.arange(half, dtype=torch.float64) / max(half, 1))
        logits, n = None, 0
        while True:
            tokens = yield logits
            at = torch.arange(n, n := n + tokens.shape[1])
            x, angle = self.tok_emb(tokens), None
            if self.config.positions == "learned":
                x = x + self.pos_emb(at)
            else:
                angle = torch.outer(at.double(), rate)
            x = self.drop(x)
            fresh = []
            for block, layer in zip(self.blocks, layers):
                y, pair = layer.send((block.ln_1(x), angle))
                fresh.append(pair)
                x = x + y
                x = x + block.mlp(block.ln_2(x))
            pairs[:] = fresh
            logits = self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = Session(self).feed(idx)
        if targets is None:
            return logits, None
        losses = [F.cross_entropy(row[:-1], want[1:], reduction="sum") for row, want in zip(logits, targets)]
        return logits, sum(losses) / targets[:, 1:].numel()

    def prefill(self, idx):
        session = Session(self)
        return session.feed(idx), session

    def decode(self, tokens, cache):
        return cache.feed(tokens), cache

    def _stream(self, idx, use_cache):
        size, session = self.config.block_size, None
        while True:
            if session and use_cache and session.length < size:
                logits = session.feed(idx[:, -1:])
            else:
                logits, session = self.prefill(idx[:, -size:])
            idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
            yield idx

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(m, m.training) for m in self.modules()]
        self.eval()
        try:
            for _, idx in zip(range(max_new_tokens), self._stream(idx, use_cache)):
                pass
            return idx
        finally:
            for m, mode in modes:
                m.training = mode
