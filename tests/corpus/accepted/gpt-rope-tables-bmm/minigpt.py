from dataclasses import dataclass, fields

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


class Rope(nn.Module):
    def __init__(self, n, d):
        super().__init__()
        inv = 1.0 / 10000 ** (torch.arange(0, d, 2).float() / d)
        t = torch.arange(n).float()[:, None] * inv
        self.register_buffer("cos", t.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin", t.sin().repeat(1, 2), persistent=False)

    @staticmethod
    def half(x):
        a, b = x.chunk(2, dim=-1)
        return torch.cat((-b, a), dim=-1)

    def forward(self, x, at):
        cos, sin = self.cos[at : at + x.size(1)], self.sin[at : at + x.size(1)]
        return x * cos + self.half(x) * sin


class Attention(nn.Module):
    def __init__(self, settings, rope):
        super().__init__()
        self.n_head = settings["n_head"]
        self.rope = rope
        self.qkv = nn.Linear(settings["n_embd"], 3 * settings["n_embd"])
        self.proj = nn.Linear(settings["n_embd"], settings["n_embd"])
        self.drop = nn.Dropout(settings["dropout"])

    def forward(self, x, entry):
        B, T, C = x.shape
        H, d = self.n_head, C // self.n_head

        def fold(z):
            return z.reshape(B, T, H, d).transpose(1, 2).reshape(B * H, T, d)

        q, k, v = map(fold, self.qkv(x).chunk(3, -1))
        at = entry["n"]
        if self.rope is not None:
            q, k = self.rope(q, at), self.rope(k, at)
        entry["k"] = k if entry["k"] is None else torch.cat((entry["k"], k), 1)
        entry["v"] = v if entry["v"] is None else torch.cat((entry["v"], v), 1)
        entry["n"] = at + T
        k, v = entry["k"], entry["v"]
        bias = torch.zeros(T, at + T, dtype=x.dtype)
        bias[torch.ones(T, at + T).triu(at + 1).bool()] = torch.finfo(x.dtype).min
        w = torch.baddbmm(bias.expand(B * H, -1, -1), q, k.transpose(1, 2), alpha=d**-0.5)
        w = F.softmax(w, dim=-1, dtype=torch.float32).type_as(v)
        y = torch.bmm(w, v).view(B, H, T, d).transpose(1, 2).reshape(B, T, C)
        return self.drop(self.proj(y))


class Mlp(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.fc = nn.Linear(settings["n_embd"], 4 * settings["n_embd"])
        self.proj = nn.Linear(4 * settings["n_embd"], settings["n_embd"])
        self.drop = nn.Dropout(settings["dropout"])

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, settings, rope):
        super().__init__()
        self.ln_1 = nn.LayerNorm(settings["n_embd"])
        self.attn = Attention(settings, rope)
        self.ln_2 = nn.LayerNorm(settings["n_embd"])
        self.mlp = Mlp(settings)

    def forward(self, x, entry):
        x = x + self.attn(self.ln_1(x), entry)
        x = x + self.mlp(self.ln_2(x))
        return x


class Cache:
    """Folded [B * H, T, d] inside."""

    def __init__(self, n_layer, n_head):
        self.n_head = n_head
        self.entries = [{"k": None, "v": None, "n": 0} for _ in range(n_layer)]

    def __iter__(self):
        return iter([tuple(e[x].unflatten(0, (-1, self.n_head)) for x in "kv") for e in self.entries])


class MiniGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        s = self.settings = {f.name: getattr(config, f.name) for f in fields(config)}
        self.tok_emb = nn.Embedding(s["vocab_size"], s["n_embd"])
        rope = None
        if s["positions"] == "rope":
            rope = Rope(s["block_size"], s["n_embd"] // s["n_head"])
        else:
            self.pos_emb = nn.Embedding(s["block_size"], s["n_embd"])
        self.blocks = nn.ModuleList(Block(s, rope) for _ in range(s["n_layer"]))
        self.ln_f = nn.LayerNorm(s["n_embd"])
        self.head = nn.Linear(s["n_embd"], s["vocab_size"], bias=False)
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, std=0.02)

    def num_params(self):
        return sum(p.numel() for p in self.parameters())

    def _go(self, idx, cache):
        at, T = cache.entries[0]["n"], idx.size(1)
        if at + T > self.settings["block_size"]:
            raise ValueError(f"cannot hold {at + T} tokens")
        x = self.tok_emb(idx)
        if self.settings["positions"] == "learned":
            x = x + self.pos_emb(torch.arange(at, at + T))
        for i, block in enumerate(self.blocks):
            x = block(x, cache.entries[i])
        return self.head(self.ln_f(x))

    def _empty(self):
        return Cache(self.settings["n_layer"], self.settings["n_head"])

    def forward(self, idx, targets=None):
        logits = self._go(idx, self._empty())
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].flatten(end_dim=1), targets[:, 1:].flatten(), reduction="mean")

    def prefill(self, idx):
        cache = self._empty()
        return self._go(idx, cache), cache

    def decode(self, tokens, cache):
        return self._go(tokens, cache), cache

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(m, m.training) for m in self.modules()]
        self.eval()
        cache, N = None, self.settings["block_size"]
        for i in range(max_new_tokens):
            if not use_cache:
                logits = self(idx[:, -N:])[0]
            elif cache is not None and cache.entries[0]["n"] < N:
                logits = self._go(idx[:, -1:], cache)
            else:
                logits, cache = self.prefill(idx[:, -N:])
            idx = torch.cat((idx, logits[:, -1:].argmax(-1)), 1)
        for m, mode in modes:
            m.training = mode
        return idx
