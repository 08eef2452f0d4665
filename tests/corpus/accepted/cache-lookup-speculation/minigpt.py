"""Prompt-lookup speculation on top of an ordinary concatenating cache."""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

DRAFT = 3


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class KV(list):
    @property
    def length(self):
        return self[0][0].size(2)

    def cropped(self, n):
        return KV((k[:, :, :n], v[:, :, :n]) for k, v in self)


def follow_up(history, limit):
    """What came after the latest earlier occurrence of the last two tokens: at most `limit` tokens."""
    a, b = history[-2:] if len(history) > 1 else (None, None)
    for i in range(len(history) - 3, -1, -1):
        if history[i] == a and history[i + 1] == b:
            return history[i + 2:i + 2 + limit]
    return []


class CausalSelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x, past):
        B, T, C = x.shape
        H, d = self.cfg.n_head, C // self.cfg.n_head
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (z.view(B, T, H, d).transpose(1, 2) for z in (q, k, v))
        n = past[0].size(2) if past is not None else 0
        if self.cfg.positions == "rope":
            theta = torch.arange(n, n + T, dtype=torch.float64)[:, None] * torch.tensor(
                [math.pow(10000.0, -2 * i / d) for i in range(d // 2)], dtype=torch.float64)
            cos, sin = theta.cos().to(x.dtype), theta.sin().to(x.dtype)
            q, k = (torch.cat((z[..., :d // 2] * cos - z[..., d // 2:] * sin,
                               z[..., d // 2:] * cos + z[..., :d // 2] * sin), dim=-1) for z in (q, k))
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        att = (q @ k.mT) * (1.0 / math.sqrt(d))
        att = att.masked_fill(torch.ones(T, n + T).tril(n) == 0, float("-inf"))
        y = self.drop(att.softmax(dim=-1)) @ v
        return self.drop(self.proj(y.transpose(1, 2).contiguous().view(B, T, C))), (k, v)


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.gelu = nn.GELU()
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x):
        return self.drop(self.proj(self.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd)
        self.attn = CausalSelfAttention(cfg)
        self.ln_2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = MLP(cfg)

    def forward(self, x, past):
        a, pair = self.attn(self.ln_1(x), past)
        x = x + a
        return x + self.mlp(self.ln_2(x)), pair


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

    def _run(self, idx, cache):
        n, T = (cache.length if cache else 0), idx.size(1)
        if n + T > self.config.block_size:
            raise ValueError(f"block_size is {self.config.block_size}, not {n + T}")
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(n, n + T))
        x = self.drop(x)
        grown = KV()
        for i, block in enumerate(self.blocks):
            x, pair = block(x, cache[i] if cache else None)
            grown.append(pair)
        return self.head(self.ln_f(x)), grown

    def forward(self, idx, targets=None):
        logits, _ = self._run(idx, None)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), targets[:, 1:].reshape(-1))

    def prefill(self, idx):
        return self._run(idx, None)

    def decode(self, tokens, cache):
        return self._run(tokens, cache)

    def _plain(self, idx, n):
        for _ in range(n):
            logits, _ = self._run(idx[:, -self.config.block_size:], None)
            idx = torch.cat((idx, logits[:, -1].argmax(-1, keepdim=True)), dim=1)
        return idx

    def _speculative(self, idx, n):
        limit, goal = self.config.block_size, idx.size(1) + n
        cache = None  # holds everything but the last token of idx
        while idx.size(1) < min(goal, limit + 1):
            if cache is None:
                logits, cache = self._run(idx, None)
                new = logits[:, -1:].argmax(-1)
            else:
                spare = min(DRAFT, limit - idx.size(1), goal - idx.size(1) - 1)
                drafts = [follow_up(row, spare) for row in idx.tolist()] if spare > 0 else [[]]
                g = min(map(len, drafts))
                draft = torch.tensor([d[:g] for d in drafts], dtype=torch.int64).view(-1, g) if g else idx[:, :0]
                logits, cache = self._run(torch.cat((idx[:, -1:], draft), dim=1), cache)
                new = logits.argmax(-1)  # [B, 1 + g]
                good = (new[:, :g] == draft).all(dim=0).long().cumprod(0).sum().item()  # right in every row
                new = new[:, :good + 1]
                cache = cache.cropped(idx.size(1) + good)
            idx = torch.cat((idx, new), dim=1)
        return self._plain(idx, goal - idx.size(1))  # the sliding window renumbers: no cache survives

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(m, m.training) for m in self.modules()]
        self.eval()
        try:
            if use_cache and idx.size(1) <= self.config.block_size:
                return self._speculative(idx, max_new_tokens)
            return self._plain(idx, max_new_tokens)
        finally:
            for m, mode in modes:
                m.training = mode
