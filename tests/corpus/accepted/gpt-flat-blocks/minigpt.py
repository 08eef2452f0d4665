"""No forward methods below the model: the block is a bag of parameters."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head


class LayerCache(NamedTuple):
    k: Tensor
    v: Tensor


def norm(x: Tensor, p: nn.Module) -> Tensor:
    mu = x.mean(-1, keepdim=True)
    centred = x - mu
    var = (centred * centred).mean(-1, keepdim=True)
    return centred * torch.rsqrt(var + 1e-5) * p.weight + p.bias


def gelu(x: Tensor) -> Tensor:
    return x * torch.special.ndtr(x) if x.dtype == torch.float64 else 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        c = config
        self.V, self.N, self.L, self.H, self.C = c.vocab_size, c.block_size, c.n_layer, c.n_head, c.n_embd
        self.p = c.dropout
        self.scale = 1.0 / math.sqrt(c.head_dim)
        self.head = nn.Linear(self.C, self.V, bias=False)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "mlp": nn.ModuleDict({"proj": nn.Linear(4 * self.C, self.C), "fc": nn.Linear(self.C, 4 * self.C)}),
                    "attn": nn.ModuleDict({"proj": nn.Linear(self.C, self.C), "qkv": nn.Linear(self.C, 3 * self.C)}),
                    "ln_1": nn.LayerNorm(self.C),
                    "ln_2": nn.LayerNorm(self.C),
                }
            )
            for _ in range(self.L)
        )
        self.ln_f = nn.LayerNorm(self.C)
        self.tok_emb = nn.Embedding(self.V, self.C)
        self.learned = c.positions == "learned"
        if self.learned:
            self.pos_emb = nn.Embedding(self.N, self.C)

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, training=self.training)

    def _attend(self, block: nn.ModuleDict, x: Tensor, past: Optional[LayerCache]) -> tuple[Tensor, LayerCache]:
        B, T, C = x.shape
        w, b = block["attn"]["qkv"].weight, block["attn"]["qkv"].bias
        parts = [F.linear(x, w[i * C : (i + 1) * C], b[i * C : (i + 1) * C]) for i in range(3)]
        q, k, v = [part.unflatten(-1, (self.H, -1)).movedim(1, 2) for part in parts]
        seen = 0 if past is None else past.k.shape[2]
        if not self.learned:
            q, k = self._turn(q, seen), self._turn(k, seen)
        if past is not None:
            k, v = torch.cat([past.k, k], 2), torch.cat([past.v, v], 2)
        scores = torch.matmul(q * self.scale, k.mT)
        if T > 1:
            hidden = torch.ones(T, seen + T, dtype=torch.bool).triu(seen + 1)
            scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
        y = torch.matmul(self._drop(F.softmax(scores, -1)), v).movedim(1, 2).flatten(2)
        return block["attn"]["proj"](y), LayerCache(k, v)

    def _turn(self, x: Tensor, seen: int) -> Tensor:
        h = x.shape[-1] // 2
        i = torch.arange(h, dtype=torch.float64)
        angle = torch.arange(seen, seen + x.shape[2], dtype=torch.float64)[:, None] * torch.exp(-math.log(1e4) * i / h)
        c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        out = torch.empty_like(x)
        out[..., :h] = x[..., :h] * c - x[..., h:] * s
        out[..., h:] = x[..., h:] * c + x[..., :h] * s
        return out

    def _all(self, idx: Tensor, past: tuple[LayerCache, ...] | None) -> tuple[Tensor, tuple[LayerCache, ...]]:
        seen = past[0].k.shape[2] if past else 0
        if seen + idx.shape[1] > self.N:
            raise ValueError("too long")
        x = F.embedding(idx, self.tok_emb.weight)
        if self.learned:
            x = x + self.pos_emb.weight.narrow(0, seen, idx.shape[1])
        x = self._drop(x)
        made = []
        for i, block in enumerate(self.blocks):
            y, layer = self._attend(block, norm(x, block["ln_1"]), past[i] if past else None)
            x = x + self._drop(y)
            mlp = block["mlp"]
            x = x + self._drop(mlp["proj"](gelu(mlp["fc"](norm(x, block["ln_2"])))))
            made.append(layer)
        return self.head(norm(x, self.ln_f)), tuple(made)

    def forward(self, idx: Tensor, targets: Optional[Tensor] = None) -> tuple[Tensor, Optional[Tensor]]:
        logits = self._all(idx, None)[0]
        if targets is None:
            return logits, None
        labels = F.pad(targets[:, 1:], (0, 1), value=-100)
        return logits, F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-100)

    def prefill(self, idx: Tensor):
        return self._all(idx, None)

    def decode(self, tokens: Tensor, cache):
        return self._all(tokens, cache)

    @torch.no_grad()
    def generate(self, idx: Tensor, max_new_tokens: int, use_cache: bool = True) -> Tensor:
        restore = [(m, m.training) for m in self.modules()]
        self.train(False)
        tokens, cache = list(idx.unbind(1)), None
        for _ in range(max_new_tokens):
            if use_cache and cache and len(tokens) <= self.N:
                logits, cache = self._all(tokens[-1][:, None], cache)
            else:
                logits, cache = self._all(torch.stack(tokens[-self.N :], 1), None)
            tokens.append(logits[:, -1].max(-1).indices)
        for m, mode in restore:
            m.training = mode
        return torch.stack(tokens, 1)
