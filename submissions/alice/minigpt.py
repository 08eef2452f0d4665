"""A small GPT decoder, repaired, with a preallocated KV cache.

Shapes: B batch, T new tokens, P tokens already cached, N = P + T, C width, H heads, d = C / H, V vocabulary.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

ROPE_BASE = 10_000.0


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"

    def __post_init__(self):
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd {self.n_embd} is not a multiple of n_head {self.n_head}")
        if self.positions not in ("learned", "rope"):
            raise ValueError(f"positions is {self.positions!r}; known are 'learned' and 'rope'")


class LayerCache:
    """Keys and values of one layer in buffers that double when full, so a step writes only its own rows."""

    def __init__(self, limit):
        self.limit = limit
        self.used = 0
        self.k = self.v = None  # [B, H, room, d]

    def append(self, k, v):
        """Write k, v [B, H, T, d] behind what is there; give views of all N rows."""
        need = self.used + k.shape[2]
        room = 0 if self.k is None else self.k.shape[2]
        if need > room:
            self.k, self.v = (self._grown(old, new, need) for old, new in ((self.k, k), (self.v, v)))
        self.k[:, :, self.used : need] = k
        self.v[:, :, self.used : need] = v
        self.used = need
        return self.pair()

    def _grown(self, old, new, need):
        B, H, _, d = new.shape
        buffer = new.new_empty(B, H, max(need, min(2 * need, self.limit)), d)
        if old is not None:
            buffer[:, :, : self.used] = old[:, :, : self.used]
        return buffer

    def pair(self):
        return self.k[:, :, : self.used], self.v[:, :, : self.used]  # [B, H, N, d] each


class KVCache:
    """One LayerCache for each block. Iterating gives (K, V) for each layer."""

    def __init__(self, n_layer, limit):
        self.layers = [LayerCache(limit) for _ in range(n_layer)]

    def __len__(self):
        return len(self.layers)

    def __iter__(self):
        return (layer.pair() for layer in self.layers)

    @property
    def length(self):
        return self.layers[0].used


def rope_angles(start, count, size, device):
    """Angles p * base^(-2i/d) for positions start .. start + count - 1, in float64: [T, d/2]."""
    i = torch.arange(0, size, 2, dtype=torch.float64, device=device)
    p = torch.arange(start, start + count, dtype=torch.float64, device=device)
    return torch.outer(p, ROPE_BASE ** (-i / size))


def apply_rope(x, cos, sin):
    """Rotate the pairs (i, i + d/2) of x [B, H, T, d] by angles [T, d/2]."""
    first, second = x.chunk(2, dim=-1)  # [B, H, T, d/2] each
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_head = config.n_head
        self.p = config.dropout
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, mask, rope, cache):
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head)  # q, k, v outermost, heads contiguous in each
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B, H, T, d] each
        if rope is not None:
            q, k = apply_rope(q, *rope), apply_rope(k, *rope)  # keys are stored rotated by their own position
        if cache is not None:
            k, v = cache.append(k, v)  # [B, H, N, d]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.p if self.training else 0.0)
        y = y.permute(0, 2, 1, 3).reshape(B, T, C)  # [B, T, H, d] -> [B, T, C]
        return self.drop(self.proj(y))


class FeedForward(nn.Module):
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
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = FeedForward(config)

    def forward(self, x, mask, rope, cache):
        x = x + self.attn(self.ln_1(x), mask, rope, cache)
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

    def forward(self, idx, targets=None):
        """idx [B, T] -> logits [B, T, V]; with targets (the same tokens, unshifted) also the next-token loss."""
        logits = self._transform(idx, None)
        if targets is None:
            return logits, None
        B, T, V = logits.shape
        predicted = logits[:, : T - 1].reshape(B * (T - 1), V)
        wanted = targets[:, 1:].reshape(B * (T - 1))
        return logits, F.cross_entropy(predicted, wanted)

    def prefill(self, idx):
        """idx [B, T] -> logits [B, T, V] and a fresh cache that holds the prompt."""
        cache = KVCache(self.config.n_layer, self.config.block_size)
        return self._transform(idx, cache), cache

    def decode(self, tokens, cache):
        """tokens [B, T] behind the cached prefix -> logits [B, T, V]; the cache grows in place."""
        return self._transform(tokens, cache), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        """Append max_new_tokens greedy tokens; the window slides once block_size is reached."""
        was_training = {module: module.training for module in self.modules()}
        self.eval()
        try:
            return self._greedy(idx, max_new_tokens, use_cache)
        finally:
            for module, mode in was_training.items():
                module.training = mode

    def _greedy(self, idx, max_new_tokens, use_cache):
        limit, cache = self.config.block_size, None
        for _ in range(max_new_tokens):
            if use_cache and cache is not None and cache.length < limit:
                logits, cache = self.decode(idx[:, -1:], cache)
            elif use_cache:
                # The first step; and, once the window slides, each step: every token then has a new position.
                logits, cache = self.prefill(idx[:, -limit:])
            else:
                logits, _ = self(idx[:, -limit:])
            best = logits[:, -1].argmax(-1, keepdim=True)  # [B, 1]
            idx = torch.cat((idx, best), dim=1)
        return idx

    def _transform(self, idx, cache):
        config = self.config
        T, P = idx.shape[1], 0 if cache is None or cache.layers[0].k is None else cache.length
        N = P + T
        if N > config.block_size:
            raise ValueError(f"{P} cached and {T} new tokens are more than block_size {config.block_size}")
        x = self.tok_emb(idx)  # [B, T, C]
        rope = None
        if config.positions == "learned":
            x = x + self.pos_emb(torch.arange(P, N, device=idx.device))
        else:
            angles = rope_angles(P, T, config.n_embd // config.n_head, idx.device)
            rope = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        mask = None  # one query at the end sees all keys
        if T > 1:
            query = torch.arange(P, N, device=idx.device)[:, None]
            mask = torch.arange(N, device=idx.device) <= query  # [T, N], bottom right aligned
        x = self.drop(x)
        for i, block in enumerate(self.blocks):
            x = block(x, mask, rope, None if cache is None else cache.layers[i])
        return self.head(self.ln_f(x))  # [B, T, V]
