"""Each head on its own: weights sliced, attention per head, outputs added through their slice of proj."""
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


class RotationMatrices:
    """For head size d: position p is the d x d block rotation; applied as elementwise products."""

    def __init__(self, d):
        self.d = d

    def __call__(self, z, p0):  # z [B, T, d]
        h = self.d // 2
        p = torch.arange(p0, p0 + z.size(1), device=z.device, dtype=torch.float64)
        cols = []
        freqs = 10000.0 ** (-2.0 * torch.arange(h, dtype=torch.float64) / self.d)
        ang = (p.unsqueeze(1) * freqs)
        c, s = torch.cos(ang).to(z.dtype), torch.sin(ang).to(z.dtype)
        cols.append(torch.addcmul(z[..., :h] * c, z[..., h:], s, value=-1))
        cols.append(torch.addcmul(z[..., h:] * c, z[..., :h], s))
        return torch.cat(cols, dim=-1)


class MultiHead(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.n_head, self.d, self.c = cfg.n_head, cfg.n_embd // cfg.n_head, cfg.n_embd
        self.rot = RotationMatrices(self.d) if cfg.positions == "rope" else None
        self.attn_drop = nn.Dropout(cfg.dropout)
        self.out_drop = nn.Dropout(cfg.dropout)

    def one(self, h, part, x):
        rows = slice(part * self.c + h * self.d, part * self.c + (h + 1) * self.d)
        return F.linear(x, self.qkv.weight[rows], self.qkv.bias[rows])  # [B, T, d]

    def forward(self, x, past):
        T = x.size(1)
        n = past[0].size(2) if past else 0
        keys, values = [], []
        out = self.proj.bias
        for h in range(self.n_head):
            q, k, v = (self.one(h, part, x) for part in range(3))
            if self.rot:
                q, k = self.rot(q, n), self.rot(k, n)
            if past:
                k = torch.cat([past[0][:, h], k], 1)
                v = torch.cat([past[1][:, h], v], 1)
            a = torch.einsum("btd,bsd->bts", q, k) / self.d ** 0.5
            dead = torch.arange(n, n + T, device=x.device).unsqueeze(1).lt(torch.arange(n + T, device=x.device))
            a = self.attn_drop(a.masked_fill(dead, float("-inf")).softmax(2))
            cols = slice(h * self.d, (h + 1) * self.d)
            out = out + (a @ v) @ self.proj.weight[:, cols].T
            keys.append(k)
            values.append(v)
        return self.out_drop(out), (torch.stack(keys, 1), torch.stack(values, 1))


class Ffn(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x):
        return self.drop(self.proj(F.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd)
        self.attn = MultiHead(cfg)
        self.ln_2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = Ffn(cfg)


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.learned = config.positions == "learned"
        if self.learned:
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def run(self, idx, cache=None):
        B, T = idx.shape
        n = 0 if cache is None else cache["length"]
        if n + T > self.config.block_size:
            raise ValueError("sequence does not fit into block_size")
        x = self.tok_emb(idx.reshape(-1)).reshape(B, T, -1)
        if self.learned:
            where = F.one_hot(torch.arange(n, n + T, device=idx.device), self.config.block_size).to(x.dtype)
            x = x + where @ self.pos_emb.weight
        x = self.drop(x)
        layers = []
        for i, blk in enumerate(self.blocks):
            a, kv = blk.attn(blk.ln_1(x), None if cache is None else cache["layers"][i])
            x = x + a
            x = x + blk.mlp(blk.ln_2(x))
            layers.append(kv)
        return self.head(self.ln_f(x)), DictCache(length=n + T, layers=layers)

    def forward(self, idx, targets=None):
        logits, _ = self.run(idx)
        if targets is None:
            return logits, None
        flat = logits[:, :-1, :].contiguous().view(-1, self.config.vocab_size)
        want = targets[:, 1:].contiguous().view(-1)
        picked = flat.log_softmax(-1)[torch.arange(want.numel(), device=want.device), want]
        return logits, picked.neg().mean()

    def prefill(self, idx):
        return self.run(idx)

    def decode(self, tokens, cache):
        return self.run(tokens, cache)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = {id(m): m.training for m in self.modules()}
        self.eval()
        try:
            def step(seq, cache):
                if cache is None or cache["length"] >= self.config.block_size:
                    logits, cache = self.run(seq[:, -self.config.block_size:])
                else:
                    logits, cache = self.run(seq[:, -1:], cache)
                best = logits[:, -1].argmax(dim=-1)
                return torch.column_stack((seq, best)), cache if use_cache else None

            cache = None
            for _ in range(max_new_tokens):
                idx, cache = step(idx, cache)
            return idx
        finally:
            for m in self.modules():
                m.training = modes[id(m)]


class DictCache(dict):
    """Keeps its length beside its layers; iterating gives the layers."""

    def __iter__(self):
        return iter(self["layers"])
