"""Paged cache (vLLM-minded) with attention over one page at a time and a running softmax: no [T, S] matrix anywhere."""
import dataclasses
import math
import typing as t

import torch
from torch import nn

PAGE = 41  # positions per page; nothing may depend on it dividing anything


@dataclasses.dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class PageTable:
    """Pages of every layer in one pool; a layer's table lists page numbers. The pool is private to one generation."""

    def __init__(self, n_layer: int, shape: tuple, like: torch.Tensor):
        self.shape, self.like = shape, like
        self.pool: list[torch.Tensor] = []
        self.table: list[list[int]] = [[] for _ in range(n_layer)]
        self.fill = [0] * n_layer

    @property
    def length(self) -> int:
        return self.fill[0]

    def write(self, layer: int, k, v) -> None:
        done = 0
        while done < k.size(1):
            slot = self.fill[layer] % PAGE
            if slot == 0:
                B, H, d = self.shape
                self.table[layer].append(len(self.pool))
                self.pool.append(self.like.new_empty(2, B, PAGE, H, d).fill_(1e30))  # rubbish, never read
            n = min(PAGE - slot, k.size(1) - done)
            page = self.pool[self.table[layer][-1]]
            page[0, :, slot : slot + n] = k[:, done : done + n]
            page[1, :, slot : slot + n] = v[:, done : done + n]
            self.fill[layer] += n
            done += n

    def pages(self, layer: int):
        left = self.fill[layer]
        for number in self.table[layer]:
            yield self.pool[number][:, :, : min(PAGE, left)].unbind(0)
            left -= PAGE

    def __iter__(self) -> t.Iterator[tuple]:
        return map(self._gather, range(len(self.table)))

    def _gather(self, layer: int):
        ks, vs = zip(*self.pages(layer))
        return torch.cat(ks, 1).permute(0, 2, 1, 3), torch.cat(vs, 1).permute(0, 2, 1, 3)


def running_attention(q, pages, start):
    """q [B, T, H, d] over pages of (k, v) [B, s, H, d]; query i stands at start + i."""
    T, d = q.size(1), q.size(-1)
    row = torch.arange(start, start + T).view(1, T, 1, 1)
    top = q.new_full((*q.shape[:-1], 1), -math.inf)  # running maximum
    mass, out, at = torch.zeros_like(top), torch.zeros_like(q), 0
    for k, v in pages:
        s = torch.einsum("bthd,bshd->bths", q, k).div(math.sqrt(d))
        col = torch.arange(at, at + k.size(1)).view(1, 1, 1, -1)
        s = s.where(col <= row, torch.tensor(-math.inf, dtype=s.dtype))
        new = torch.maximum(top, s.amax(-1, keepdim=True))  # finite: page 0 holds position 0, which all see
        new_ = new.detach()
        shrink, p = (top.detach() - new_).exp(), (s - new_).exp()
        mass = mass * shrink + p.sum(-1, keepdim=True)
        out = out * shrink + torch.einsum("bths,bshd->bthd", p, v)
        top, at = new_, at + k.size(1)
    return out / mass


class Attn(nn.Module):
    def __init__(self, cfg, layer):
        super().__init__()
        self.h, self.layer, self.turning = cfg.n_head, layer, cfg.positions == "rope"
        self.qkv, self.proj = nn.Linear(cfg.n_embd, 3 * cfg.n_embd), nn.Linear(cfg.n_embd, cfg.n_embd)

    def turn(self, x, start):
        d = x.size(-1)
        w = torch.exp(torch.arange(0, d, 2, dtype=torch.float64) * (-math.log(10000.0) / d))
        a = (torch.arange(start, start + x.size(1), dtype=torch.float64).outer(w)).unsqueeze(1)
        c, s = a.cos().to(x), a.sin().to(x)
        l, r = x.tensor_split(2, -1)
        return torch.cat((torch.addcmul(l * c, r, s, value=-1), torch.addcmul(r * c, l, s)), -1)

    def forward(self, x, table=None):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.h, -1)).unbind(2)
        start = table.fill[self.layer] if table is not None else 0
        if self.turning:
            q, k = self.turn(q, start), self.turn(k, start)
        if table is None:
            pages = zip(k.split(PAGE, 1), v.split(PAGE, 1))
        else:
            table.write(self.layer, k.detach(), v.detach())
            pages = table.pages(self.layer)
        return self.proj(running_attention(q, pages, start).flatten(-2))


class Block(nn.Module):
    def __init__(self, cfg, layer):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(cfg.n_embd), Attn(cfg, layer), nn.LayerNorm(cfg.n_embd)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc", nn.Linear(cfg.n_embd, 4 * cfg.n_embd))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("proj", nn.Linear(4 * cfg.n_embd, cfg.n_embd))

    def forward(self, x, table):
        x = x + self.attn(self.ln_1(x), table)
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.cfg = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.register_module("pos_emb", nn.Embedding(config.block_size, config.n_embd) if config.positions == "learned" else None)
        self.drop = nn.Dropout(config.dropout)  # the only dropout: a subset is fine
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def body(self, idx, table):
        start = 0 if table is None else table.length
        if idx.shape[1] > self.cfg.block_size - start:
            raise ValueError(f"{idx.shape[1]} more after {start} is past {self.cfg.block_size}")
        x = self.tok_emb(idx)
        if self.pos_emb is not None:
            x = x + self.pos_emb.weight.narrow(0, start, idx.shape[1])
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, table)
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self.body(idx, None)
        if targets is None:
            return logits, None
        p = logits[:, :-1].log_softmax(-1)
        hot = nn.functional.one_hot(targets[:, 1:], p.size(-1)).to(p.dtype)
        return logits, -(p * hot).sum() / hot.sum()

    def prefill(self, idx):
        head_shape = (len(idx), self.cfg.n_head, self.cfg.n_embd // self.cfg.n_head)
        table = PageTable(self.cfg.n_layer, head_shape, self.head.weight.detach())
        return self.body(idx, table), table

    def decode(self, tokens, cache):
        return self.body(tokens, cache), cache

    def stream(self, idx, use_cache):
        """Endless greedy tokens [B, 1], one at a time."""
        table = None
        while True:
            if not use_cache:
                logits = self.body(idx[:, -self.cfg.block_size :], None)
            elif table is None or table.length == self.cfg.block_size:
                logits, table = self.prefill(idx[:, -self.cfg.block_size :])
            else:
                logits, table = self.decode(idx[:, -1:], table)
            token = logits[:, -1].argmax(-1, keepdim=True)
            yield token
            idx = torch.cat((idx, token), 1)

    def generate(self, idx, max_new_tokens, use_cache=True):
        snapshot = [(m, m.training) for m in self.modules()]
        self.eval()
        try:
            with torch.no_grad():
                return torch.cat([idx, *(tok for _, tok in zip(range(max_new_tokens), self.stream(idx, use_cache)))], 1)
        finally:
            for m, mode in snapshot:
                m.training = mode
