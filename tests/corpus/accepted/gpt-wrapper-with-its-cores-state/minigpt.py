"""Mini-GPT with a KV cache: a pre-norm decoder with learned or rotary positions.

Letters in shape comments: B batch, T time (queries), S time (keys), C width, H heads, d = C / H, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Cache = list[tuple[Tensor, Tensor]]  # one (K, V) per layer, each [B, H, S, d]


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"  # or "rope"


def rotate(x: Tensor, start: int) -> Tensor:
    """Turn each pair (i, i + d/2) of every head by p * 10000^(-2i/d), at positions p = start, start + 1, ..."""
    half = x.size(-1) // 2
    rate = 10000.0 ** (-torch.arange(half, dtype=x.dtype, device=x.device) / half)  # [d/2]
    position = torch.arange(start, start + x.size(-2), dtype=x.dtype, device=x.device)  # [T]
    angle = position[:, None] * rate  # [T, d/2]
    cos, sin = angle.cos(), angle.sin()
    low, high = x[..., :half], x[..., half:]  # [B, H, T, d/2] each
    return torch.cat([low * cos - high * sin, low * sin + high * cos], dim=-1)  # [B, H, T, d]


class Attention(nn.Module):
    """Causal self-attention of T new tokens over a cached prefix and, causally, over themselves."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.n_head = config.n_head
        self.rope = config.positions == "rope"
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.attn_dropout = nn.Dropout(config.dropout)
        self.resid_dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=-1)  # [B, T, C] each
        q, k, v = (z.view(B, T, self.n_head, -1).transpose(1, 2) for z in (q, k, v))  # [B, H, T, d]
        start = 0 if past is None else past[0].size(2)
        if self.rope:
            q, k = rotate(q, start), rotate(k, start)  # keys are cached already turned
        if past is not None:
            k = torch.cat([past[0], k], dim=2)  # [B, H, S, d], S = start + T
            v = torch.cat([past[1], v], dim=2)
        score = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # [B, H, T, S]
        # Query t stands at position start + t, so it sees keys 0 .. start + t: the diagonal is shifted by the prefix.
        visible = torch.ones(T, start + T, dtype=torch.bool, device=x.device).tril(start)  # [T, S]
        weight = self.attn_dropout(score.masked_fill(~visible, -torch.inf).softmax(dim=-1))  # [B, H, T, S]
        y = (weight @ v).transpose(1, 2).reshape(B, T, C)  # heads side by side again
        return self.resid_dropout(self.proj(y)), (k, v)


class MLP(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.proj = nn.Linear(4 * config.n_embd, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.proj(F.gelu(self.fc(x))))  # [B, T, C]


class Block(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, present = self.attn(self.ln_1(x), past)
        x = x + attended
        x = x + self.mlp(self.ln_2(x))
        return x, present


class Core(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Give logits [B, T, V] for idx [B, T] and, with unshifted targets [B, T], the next-token loss."""
        logits, _ = self._run(idx, None)
        if targets is None:
            return logits, None
        # The token at t + 1 is what position t must predict; the last position has no target.
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())
        return logits, loss

    def prefill(self, idx: Tensor) -> tuple[Tensor, Cache]:
        """Run the prompt idx [B, T] once: logits [B, T, V] and the cache that decode continues from."""
        return self._run(idx, None)

    def decode(self, tokens: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """Append tokens [B, t] to the cached prefix: logits [B, t, V] and the grown cache."""
        return self._run(tokens, cache)

    @torch.no_grad()
    def generate(self, idx: Tensor, max_new_tokens: int, use_cache: bool = True) -> Tensor:
        """Extend idx [B, T] greedily to [B, T + max_new_tokens]; past block_size the window slides."""
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            cache: Cache | None = None
            for _ in range(max_new_tokens):
                window = idx[:, -self.config.block_size :]
                if not use_cache or cache is None or idx.size(1) > self.config.block_size:
                    # A window that slides renumbers every position, so nothing cached stays valid.
                    logits, cache = self.prefill(window)
                else:
                    logits, cache = self.decode(idx[:, -1:], cache)
                idx = torch.cat([idx, logits[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
            return idx
        finally:
            for module, training in modes:
                module.training = training

    def _run(self, idx: Tensor, cache: Cache | None) -> tuple[Tensor, Cache]:
        start = 0 if cache is None else cache[0][0].size(2)
        stop = start + idx.size(1)
        if stop > self.config.block_size:
            raise ValueError(f"{stop} positions; block_size is {self.config.block_size}")
        x = self.tok_emb(idx)  # [B, T, C]
        if self.config.positions == "learned":
            x = x + self.pos_emb.weight[start:stop]  # [T, C] broadcasts over B
        x = self.dropout(x)
        grown: Cache = []
        for i, block in enumerate(self.blocks):
            x, present = block(x, None if cache is None else cache[i])
            grown.append(present)
        return self.head(self.ln_f(x)), grown  # [B, T, V]


class MiniGPT(nn.Module):
    """The public face of the model; what it is made of is in Core."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.core = Core(config)

    def forward(self, idx, targets=None):
        return self.core(idx, targets)

    def prefill(self, idx):
        return self.core.prefill(idx)

    def decode(self, tokens, cache):
        return self.core.decode(tokens, cache)

    def generate(self, idx, max_new_tokens, use_cache=True):
        return self.core.generate(idx, max_new_tokens, use_cache)

    def state_dict(self, *args, **kwargs):
        return self.core.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        return self.core.load_state_dict(state_dict, strict, assign)

    def named_parameters(self, *args, **kwargs):
        return self.core.named_parameters(*args, **kwargs)
