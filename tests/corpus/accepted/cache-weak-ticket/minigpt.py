"""numpy-minded: tables from numpy, axes by name, the cache an opaque handle whose tensors the model keeps in a weak table."""
import weakref
from dataclasses import dataclass

import numpy as np
import torch
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


class Ticket:
    """One generation. It knows nothing; its model does."""

    __slots__ = ("_model", "__weakref__")

    def __init__(self, model):
        self._model = model

    def __iter__(self):
        return iter(self._model.look_up(self))


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        V, C = config.vocab_size, config.n_embd
        self.tok_emb = nn.Embedding(V, C)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, C)
        self.blocks = nn.ModuleList()
        for _ in range(config.n_layer):
            block = nn.Module()
            block.ln_1, block.ln_2 = nn.LayerNorm(C), nn.LayerNorm(C)
            block.attn, block.mlp = nn.Module(), nn.Module()
            block.attn.qkv, block.attn.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
            block.mlp.fc, block.mlp.proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)
            self.blocks.append(block)
        self.ln_f = nn.LayerNorm(C)
        self.head = nn.Linear(C, V, bias=False)
        self._kept = weakref.WeakKeyDictionary()  # Ticket -> [L][2] of [B, H, S, d]
        half = C // config.n_head // 2
        rate = np.power(10000.0, -np.arange(half) / half) if half else np.zeros(0)
        angle = np.arange(config.block_size)[:, np.newaxis] * rate[np.newaxis, :]
        self._cos, self._sin = torch.from_numpy(np.cos(angle)), torch.from_numpy(np.sin(angle))

    def look_up(self, ticket):
        return self._kept[ticket]

    def _noise(self, x):
        return nn.functional.dropout(x, self.config.dropout, self.training)

    def _turn(self, x, start):
        half = x.shape[-1] // 2
        c, s = (t[start : start + x.shape[-2]].to(x.dtype) for t in (self._cos, self._sin))
        out = torch.empty_like(x)
        out[..., :half] = x[..., :half] * c - x[..., half:] * s
        out[..., half:] = x[..., half:] * c + x[..., :half] * s
        return out

    def _run(self, idx, kept):
        start = 0 if kept is None or kept[0] is None else kept[0][0].shape[2]
        B, T = idx.shape
        if start + T > self.config.block_size:
            raise ValueError(start + T)
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + torch.take_along_dim(self.pos_emb.weight, torch.arange(start, start + T)[:, None], 0)
        x = self._noise(x)
        for i, b in enumerate(self.blocks):
            qkv = b.attn.qkv(b.ln_1(x)).reshape(B, T, 3, self.config.n_head, -1)
            q, k, v = qkv.movedim((2, 3), (0, 2))
            if self.config.positions == "rope":
                q, k = self._turn(q, start), self._turn(k, start)
            if start:
                k, v = torch.cat((kept[i][0], k), -2), torch.cat((kept[i][1], v), -2)
            if kept is not None:
                kept[i] = (k.detach(), v.detach())
            w = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]).item()
            if T > 1:
                w = w + torch.from_numpy(np.triu(np.full((T, start + T), -np.inf), start + 1)).to(w.dtype)
            w = torch.exp(w - torch.amax(w, -1, True))
            y = (w @ v) / torch.sum(w, -1, True)  # the division comes last
            x = x + self._noise(b.attn.proj(y.swapaxes(1, 2).reshape(B, T, -1)))
            x = x + self._noise(b.mlp.proj(nn.functional.gelu(b.mlp.fc(b.ln_2(x)))))
        return self.head(self.ln_f(x))

    def forward(self, idx, targets=None):
        logits = self._run(idx, None)
        if targets is None:
            return logits, None
        z = logits[:, :-1] - logits[:, :-1].detach().amax(-1, True)
        picked = torch.take_along_dim(z, targets[:, 1:, None], -1)[..., 0]
        return logits, torch.mean(torch.log(torch.sum(torch.exp(z), -1)) - picked)

    def prefill(self, idx):
        kept = [None] * self.config.n_layer
        logits, ticket = self._run(idx, kept), Ticket(self)
        self._kept[ticket] = kept
        return logits, ticket

    def decode(self, tokens, cache):
        return self._run(tokens, self._kept[cache]), cache

    def generate(self, idx, max_new_tokens, use_cache=True):
        modes, n = [(m, m.training) for m in self.modules()], self.config.block_size
        self.eval()
        try:
            with torch.no_grad():
                text, ticket = idx.numpy().copy(), None
                for _ in range(max_new_tokens):
                    if ticket is not None and text.shape[1] <= n:
                        logits, ticket = self.decode(torch.from_numpy(text[:, -1:].copy()), ticket)
                    else:
                        window = torch.from_numpy(np.ascontiguousarray(text[:, -n:]))
                        logits, ticket = self.prefill(window) if use_cache else (self._run(window, None), None)
                    text = np.concatenate((text, np.argmax(logits[:, -1].numpy(), -1)[:, None]), 1)
                return torch.from_numpy(text)
        finally:
            for m, mode in modes:
                m.training = mode
