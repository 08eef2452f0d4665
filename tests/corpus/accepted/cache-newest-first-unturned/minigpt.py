"""HF-flavoured: a DynamicCache with update(), keys cached *unturned* and turned at every use, newest first in memory."""
import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import nn
from torch.nn.functional import cross_entropy, embedding, softmax


@dataclass(eq=False, repr=False)
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"

    @property
    def head_dim(self):
        return self.n_embd // self.n_head


@dataclass(eq=False)
class DynamicCache:
    """Time runs backwards inside: entry 0 is the newest token. Iteration gives it the usual way round."""

    layers: dict = field(default_factory=dict)

    def update(self, k, v, layer_idx):
        k, v = k.flip(-2), v.flip(-2)
        if layer_idx in self.layers:
            old = self.layers[layer_idx]
            k, v = torch.cat((k, old[0]), -2), torch.cat((v, old[1]), -2)
        self.layers[layer_idx] = [k, v]
        return k, v

    def get_seq_length(self):
        return self.layers[0][0].shape[-2] if self.layers else 0

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, i):  # old-style iteration: IndexError ends it
        if i >= len(self.layers):
            raise IndexError(i)
        return [z.flip(-2) for z in self.layers[i]]


@lru_cache(maxsize=16)
def rotary_table(n, dim, dtype):
    rates = torch.tensor([10000.0 ** (-2.0 * i / dim) for i in range(dim // 2)], dtype=torch.float64)
    angle = torch.arange(n, dtype=torch.float64).unsqueeze(1) * rates
    return torch.cos(angle).to(dtype), torch.sin(angle).to(dtype)


def apply_rotary(x, position_ids, n):
    cos, sin = (embedding(position_ids, t) for t in rotary_table(n, x.shape[-1], x.dtype))
    pairs = x.unflatten(-1, (2, -1))  # (b, h, t, 2, d/2): half-split
    a, b = pairs.unbind(-2)
    return torch.stack((a * cos - b * sin, b * cos + a * sin), -2).flatten(-2)


class GPTAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        self.scaling = config.head_dim**-0.5
        self.qkv = nn.Linear(config.n_embd, config.n_embd * 3)
        self.proj = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, hidden_states, position_ids, past_key_values):
        shape = (*hidden_states.shape[:-1], 3, self.config.n_head, self.config.head_dim)
        query, key, value = self.qkv(hidden_states).view(shape).permute(2, 0, 3, 1, 4)
        key, value = past_key_values.update(key, value, self.layer_idx)
        key_positions = torch.arange(key.shape[-2] - 1, -1, -1, device=key.device)  # newest first
        if self.config.positions == "rope":
            query = apply_rotary(query, position_ids, self.config.block_size)
            key = apply_rotary(key, key_positions, self.config.block_size)
        mask = torch.zeros(len(position_ids), len(key_positions), dtype=query.dtype, device=query.device)
        mask = mask.masked_fill(key_positions > position_ids[:, None], torch.finfo(query.dtype).min)
        scores = torch.matmul(query, key.mT) * self.scaling + mask
        weights = softmax(scores, dim=-1, dtype=torch.promote_types(torch.float32, query.dtype)).to(query.dtype)
        weights = nn.functional.dropout(weights, p=self.config.dropout, training=self.training)
        out = torch.matmul(weights, value).transpose(1, 2).flatten(2)
        return self.proj(out)


class GPTMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc = nn.Linear(config.n_embd, config.n_embd * 4)
        self.act = nn.GELU(approximate="none")
        self.proj = nn.Linear(config.n_embd * 4, config.n_embd)

    def forward(self, x):
        return self.proj(self.act(self.fc(x)))


class GPTBlock(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=1e-05)
        self.attn = GPTAttention(config, layer_idx)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=1e-05)
        self.mlp = GPTMLP(config)

    def forward(self, hidden_states, position_ids, past_key_values):
        hidden_states = self.attn(self.ln_1(hidden_states), position_ids, past_key_values) + hidden_states
        return self.mlp(self.ln_2(hidden_states)) + hidden_states


class PreTrained(nn.Module):
    """Base class: the public interface, over one `_forward(input_ids, past_key_values)`."""

    config_class = GPTConfig

    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, idx, targets=None, past_key_values=None, use_cache=False, **kwargs):
        logits = self._forward(idx, DynamicCache() if past_key_values is None else past_key_values)
        if targets is None:
            return logits, None
        B, T, V = logits.shape
        return logits, cross_entropy(logits[..., :-1, :].transpose(1, 2), targets[..., 1:])

    def prefill(self, idx, **kwargs):
        cache = DynamicCache()
        return self._forward(idx, cache), cache

    def decode(self, tokens, cache, **kwargs):
        return self._forward(tokens, cache), cache

    @torch.inference_mode(False)
    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True, **kwargs):
        was = [m for m in self.modules() if m.training]
        try:
            self.eval()
            out = torch.empty(idx.shape[0], idx.shape[1] + max_new_tokens, dtype=idx.dtype, device=idx.device)
            out[:, : idx.shape[1]] = idx
            block, cache = self.config.block_size, DynamicCache()
            for end in range(idx.shape[1], out.shape[1]):
                begin = max(0, end - block)
                fresh = not use_cache or begin > 0 or not len(cache)
                cache = DynamicCache() if fresh else cache
                ids = out[:, begin:end] if fresh else out[:, end - 1 : end]
                out[:, end] = self._forward(ids, cache)[:, -1].max(-1).indices
            return out
        finally:
            for m in was:
                m.training = True


class MiniGPT(PreTrained):
    def __init__(self, config):
        super().__init__(config)
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions != "rope":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleDict({str(i): GPTBlock(config, i) for i in range(config.n_layer)})
        self.ln_f = nn.LayerNorm(config.n_embd, eps=1e-05)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def _forward(self, input_ids, past_key_values):
        past = past_key_values.get_seq_length()
        if past + input_ids.shape[-1] > self.config.block_size:
            raise ValueError("input exceeds the model's context window")
        position_ids = torch.arange(past, past + input_ids.shape[-1], device=input_ids.device)
        hidden_states = self.tok_emb(input_ids)
        if hasattr(self, "pos_emb"):
            hidden_states = hidden_states + self.pos_emb(position_ids)
        for block in self.blocks.values():
            hidden_states = block(hidden_states, position_ids, past_key_values)
        return self.head(self.ln_f(hidden_states))
