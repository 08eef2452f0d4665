"""A mini-GPT that is a ModuleDict. It knows no cache: hooks on `tap` swap the keys and values that a layer reads."""

import contextlib
import types
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Tap(nn.Module):
    """Passes queries, keys and values [B, H, T, d] on. Hooks may replace them."""

    def forward(self, q, k, v):
        return q, k, v


class Rope(nn.Module):
    """Turns q and k; `start` is set by whoever continues a sequence, for the length of a call."""

    def __init__(self, d, block_size):
        super().__init__()
        self.d, self.n = d, block_size
        self.start = 0

    def forward(self, *xs):
        T = xs[0].shape[-2]
        i = torch.arange(self.d // 2, dtype=torch.float64)
        angle = torch.arange(self.start, self.start + T, dtype=torch.float64)[:, None] / 10000 ** (2 * i / self.d)
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).to(xs[0])
        turn = turn.unflatten(-1, (2, 2))  # [T, d/2, 2, 2]
        for x in xs:
            pairs = torch.stack(x.chunk(2, -1), -1)  # [B, H, T, d/2, 2]
            yield (turn * pairs[..., None, :]).sum(-1).transpose(-1, -2).flatten(-2)


def attention(config):
    C = config.n_embd
    parts = dict(qkv=nn.Linear(C, 3 * C), proj=nn.Linear(C, C), tap=Tap(), drop=nn.Dropout(config.dropout))
    if config.positions == "rope":
        parts["rope"] = Rope(C // config.n_head, config.block_size)
    return Attention(parts, config.n_head)


class Attention(nn.ModuleDict):
    def __init__(self, parts, n_head):
        super().__init__(parts)
        self.n_head = n_head

    def forward(self, x):
        q, k, v = self["qkv"](x).unflatten(-1, (3, self.n_head, -1)).transpose(1, 3).unbind(2)  # [B, H, T, d]
        if "rope" in self:
            q, k = self["rope"](q, k)
        q, k, v = self["tap"](q, k, v)
        T, S = q.shape[-2], k.shape[-2]
        bias = q.new_zeros(T, S).masked_fill_(q.new_ones(T, S).triu_(S - T + 1) > 0, float("-inf"))
        w = torch.softmax(torch.einsum("bhtd,bhsd->bhts", q, k).div(q.shape[-1] ** 0.5) + bias, -1)
        return self["drop"](self["proj"](torch.einsum("bhts,bhsd->bthd", w, v).flatten(2)))


class Block(nn.ModuleDict):
    def __init__(self, config):
        C = config.n_embd
        super().__init__({
            "ln_1": nn.LayerNorm(C),
            "attn": attention(config),
            "ln_2": nn.LayerNorm(C),
            "mlp": nn.ModuleDict({"fc": nn.Linear(C, 4 * C), "proj": nn.Linear(4 * C, C), "drop": nn.Dropout(config.dropout)}),
        })

    def forward(self, x):
        x = x + self["attn"](self["ln_1"](x))
        h = self["ln_2"](x)
        for step in (self["mlp"]["fc"], F.gelu, self["mlp"]["proj"], self["mlp"]["drop"]):
            h = step(h)
        return x + h


class MiniGPT(nn.ModuleDict):
    def __init__(self, config):
        C = config.n_embd
        super().__init__()
        self.config = config
        self["tok_emb"] = nn.Embedding(config.vocab_size, C)
        if config.positions == "learned":
            self["pos_emb"] = nn.Embedding(config.block_size, C)
        self["blocks"] = nn.Sequential(*[Block(config) for _ in range(config.n_layer)])
        self["ln_f"] = nn.LayerNorm(C)
        self["head"] = nn.Linear(C, config.vocab_size, bias=False)
        self["drop"] = nn.Dropout(config.dropout)
        self.start = 0

    def logits(self, idx):
        stop = self.start + idx.shape[1]
        if stop > self.config.block_size:
            raise ValueError("longer than block_size")
        x = self["tok_emb"](idx)
        if "pos_emb" in self:
            x = x + self["pos_emb"](torch.arange(self.start, stop, device=idx.device).expand_as(idx))
        return nn.Sequential(self["drop"], *self["blocks"], self["ln_f"], self["head"])(x)

    def forward(self, idx, targets=None):
        logits = self.logits(idx)
        if targets is None:
            return logits, None
        here, there = logits[:, :-1], targets[:, 1:, None]
        return logits, (here.logsumexp(-1, keepdim=True) - here.gather(-1, there)).mean()

    @contextlib.contextmanager
    def continuing(self, past, record):
        """For the length of a call: start after `past`, let every layer read past keys first, and record what it read."""

        def hook(i):
            def join(module, args, output):
                q, *kv = output
                if past:
                    kv = [torch.cat([old, new], 2) for old, new in zip(past[i], kv)]
                record.append(types.SimpleNamespace(k=kv[0], v=kv[1]))
                return q, *kv

            return join

        with contextlib.ExitStack() as stack:
            starters = [self, *(m for m in self.modules() if isinstance(m, Rope))]
            for i, block in enumerate(self["blocks"]):
                stack.callback(block["attn"]["tap"].register_forward_hook(hook(i)).remove)
            for m in starters:
                stack.callback(setattr, m, "start", m.start)
                m.start = past[0][0].shape[2] if past else 0
            yield

    def decode(self, tokens, cache):
        record = []
        with self.continuing(cache, record):
            logits = self.logits(tokens)
        return logits, tuple((r.k, r.v) for r in record)

    def prefill(self, idx):
        return self.decode(idx, ())

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        with contextlib.ExitStack() as stack:
            for m in self.modules():
                stack.callback(setattr, m, "training", m.training)
            self.eval()
            cache = ()
            for _ in range(max_new_tokens):
                full = idx.shape[1] > self.config.block_size
                if use_cache and not full:
                    logits, cache = self.decode(idx[:, -1:] if cache else idx, cache)
                else:
                    logits, _ = self(idx[:, -self.config.block_size :])
                idx = torch.hstack([idx, logits[:, -1].max(-1, keepdim=True).indices])
        return idx
