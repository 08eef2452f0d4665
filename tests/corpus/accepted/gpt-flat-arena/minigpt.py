"""Mini-GPT in the "one flat arena" manner: a table says where each parameter lies, functions do the rest."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator

import torch
from torch import Tensor, nn


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"

    @property
    def head_size(self) -> int:
        return self.n_embd // self.n_head


def layout(c: GPTConfig) -> list[tuple[str, tuple[int, ...]]]:
    C = c.n_embd
    rows: list[tuple[str, tuple[int, ...]]] = [("tok_emb.weight", (c.vocab_size, C))]
    if c.positions == "learned":
        rows.append(("pos_emb.weight", (c.block_size, C)))

    def norm(name: str) -> None:
        rows.extend([(f"{name}.weight", (C,)), (f"{name}.bias", (C,))])

    def dense(name: str, n_out: int, n_in: int) -> None:
        rows.extend([(f"{name}.weight", (n_out, n_in)), (f"{name}.bias", (n_out,))])

    for i in range(c.n_layer):
        norm(f"blocks.{i}.ln_1")
        dense(f"blocks.{i}.attn.qkv", 3 * C, C)
        dense(f"blocks.{i}.attn.proj", C, C)
        norm(f"blocks.{i}.ln_2")
        dense(f"blocks.{i}.mlp.fc", 4 * C, C)
        dense(f"blocks.{i}.mlp.proj", C, 4 * C)
    norm("ln_f")
    rows.append(("head.weight", (c.vocab_size, C)))
    return rows


class Node(nn.Module):
    """A name in the tree and nothing else."""


@dataclass(frozen=True)
class KV:
    """Per layer one tensor [B, H, S, 2d]: keys in the lower half of the last axis, values in the upper."""

    packed: tuple[Tensor, ...]

    def __len__(self) -> int:
        return self.packed[0].size(2)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for p in self.packed:
            k, v = p.tensor_split(2, dim=-1)
            yield k, v


def dense(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    y = torch.einsum("...i,oi->...o", x, w)
    return y if b is None else y + b


def norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return (x - mean) / torch.sqrt(var + 1e-5) * w + b


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * torch.special.erfc(-x / math.sqrt(2.0))


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        table = layout(config)
        arena = torch.empty(sum(math.prod(s) for _, s in table))
        arena.normal_(std=0.02)
        at = 0
        for name, shape in table:
            n = math.prod(shape)
            cell = arena.narrow(0, at, n).view(shape)
            at += n
            *path, leaf = name.split(".")
            if leaf == "bias":
                cell.zero_()
            elif len(shape) == 1:
                cell.fill_(1.0)
            node: nn.Module = self
            for step in path:
                if step not in node._modules:
                    node.add_module(step, nn.ModuleList() if step == "blocks" else Node())
                node = node._modules[step]
            node.register_parameter(leaf, nn.Parameter(cell))

    # ------------------------------------------------------------------ the pass, a function of parameters
    def _drop(self, x: Tensor, active: bool) -> Tensor:
        rate = self.config.dropout
        if not active or rate == 0.0:
            return x
        keep = torch.rand_like(x) >= rate
        return x * keep / (1.0 - rate)

    def _angles(self, lo: int, hi: int, like: Tensor) -> tuple[Tensor, Tensor]:
        half = self.config.head_size // 2
        i = torch.arange(half, dtype=torch.float64)
        rate = torch.exp(-math.log(10000.0) * i / half)
        a = torch.outer(torch.arange(lo, hi, dtype=torch.float64), rate)
        return a.cos().to(like), a.sin().to(like)

    def _pass(self, idx: Tensor, past: KV | None, active: bool) -> tuple[Tensor, KV]:
        c, P = self.config, dict(self.named_parameters())
        H, d = c.n_head, c.head_size
        B, t = idx.shape
        lo = 0 if past is None else len(past)
        hi = lo + t
        if hi > c.block_size:
            raise ValueError(f"{hi} tokens do not fit into a block of {c.block_size}")
        x = P["tok_emb.weight"][idx]
        if past is None:
            past = KV(tuple(x.new_zeros(B, H, 0, 2 * d) for _ in range(c.n_layer)))
        if c.positions == "learned":
            x = x + P["pos_emb.weight"][lo:hi]
        else:
            cos, sin = self._angles(lo, hi, x)
        x = self._drop(x, active)
        hidden = torch.arange(hi)[None, :] > torch.arange(lo, hi)[:, None]
        grown = []
        for i in range(c.n_layer):
            at = f"blocks.{i}."
            h = norm(x, P[at + "ln_1.weight"], P[at + "ln_1.bias"])
            h = dense(h, P[at + "attn.qkv.weight"], P[at + "attn.qkv.bias"])
            q, k, v = h.view(B, t, 3, H, d).permute(2, 0, 3, 1, 4)
            if c.positions == "rope":
                q, k = (
                    torch.cat((z[..., : d // 2] * cos - z[..., d // 2 :] * sin,
                               z[..., d // 2 :] * cos + z[..., : d // 2] * sin), -1)
                    for z in (q, k)
                )
            packed = torch.cat((past.packed[i], torch.cat((k, v), -1)), 2)
            grown.append(packed)
            k, v = packed.tensor_split(2, dim=-1)
            s = torch.einsum("bhtd,bhsd->bhts", q, k) * d ** -0.5
            s = s.masked_fill(hidden, float("-inf"))
            w = self._drop(torch.exp(s - s.logsumexp(-1, keepdim=True)), active)
            y = torch.einsum("bhts,bhsd->bthd", w, v).reshape(B, t, H * d)
            x = x + self._drop(dense(y, P[at + "attn.proj.weight"], P[at + "attn.proj.bias"]), active)
            h = norm(x, P[at + "ln_2.weight"], P[at + "ln_2.bias"])
            h = gelu(dense(h, P[at + "mlp.fc.weight"], P[at + "mlp.fc.bias"]))
            x = x + self._drop(dense(h, P[at + "mlp.proj.weight"], P[at + "mlp.proj.bias"]), active)
        x = norm(x, P["ln_f.weight"], P["ln_f.bias"])
        return dense(x, P["head.weight"]), KV(tuple(grown))

    # ------------------------------------------------------------------ the public face
    def forward(self, idx: Tensor, targets: Tensor | None = None):
        logits, _ = self._pass(idx, None, self.training)
        if targets is None:
            return logits, None
        guess, truth = logits[:, :-1], targets[:, 1:]
        hit = guess.gather(-1, truth.unsqueeze(-1)).squeeze(-1)
        return logits, (guess.logsumexp(-1) - hit).mean()

    def prefill(self, idx: Tensor):
        return self._pass(idx, None, self.training)

    def decode(self, tokens: Tensor, cache: KV):
        return self._pass(tokens, cache, self.training)

    @torch.no_grad()
    def generate(self, idx: Tensor, max_new_tokens: int, use_cache: bool = True) -> Tensor:
        out, cache = idx, None
        for _ in range(max_new_tokens):
            seen = out[:, -self.config.block_size :]
            if use_cache and cache is not None and len(cache) < self.config.block_size:
                logits, cache = self._pass(out[:, -1:], cache, False)
            else:
                logits, cache = self._pass(seen, None, False)
            out = torch.cat((out, logits[:, -1].argmax(-1, keepdim=True)), 1)
        return out
