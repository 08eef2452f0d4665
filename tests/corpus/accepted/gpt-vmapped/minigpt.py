"""A single sequence is the unit: the model is written for idx [T] and vmapped over the batch, cache and all."""
from dataclasses import asdict, dataclass, fields

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.functional import gelu, layer_norm, linear
from torch.utils._pytree import tree_map


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class Leaf(nn.Module):
    def __init__(self, *shape, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape).normal_(0, 0.02) if len(shape) > 1 else torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None

    def forward(self, x):
        if self.weight.dim() == 1:
            return layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)
        return linear(x, self.weight, self.bias)


class One(nn.Module):
    """One sequence. tokens [T]; ks, vs [L, H, S, d] or None."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.tok_emb = Leaf(c.vocab_size, c.n_embd, bias=False)
        if c.positions == "learned":
            self.pos_emb = Leaf(c.block_size, c.n_embd, bias=False)
        blocks = []
        for _ in range(c.n_layer):
            b = nn.Module()
            b.ln_1, b.ln_2, b.attn, b.mlp = Leaf(c.n_embd), Leaf(c.n_embd), nn.Module(), nn.Module()
            b.attn.qkv, b.attn.proj = Leaf(3 * c.n_embd, c.n_embd), Leaf(c.n_embd, c.n_embd)
            b.mlp.fc, b.mlp.proj = Leaf(4 * c.n_embd, c.n_embd), Leaf(c.n_embd, 4 * c.n_embd)
            blocks.append(b)
        self.blocks = nn.ModuleList(blocks)
        self.ln_f = Leaf(c.n_embd)
        self.head = Leaf(c.vocab_size, c.n_embd, bias=False)

    def noise(self, x):
        p = self.c.dropout
        if not (self.training and p):
            return x
        return x * torch.bernoulli(torch.full_like(x, 1 - p)) / (1 - p)

    def forward(self, tokens, ks, vs):
        T, H = tokens.shape[0], self.c.n_head
        S = 0 if ks is None else ks.shape[2]
        x = self.tok_emb.weight[tokens]
        if self.c.positions == "learned":
            x = x + self.pos_emb.weight[S : S + T]
        x = self.noise(x)
        new = []
        for i, b in enumerate(self.blocks):
            q, k, v = b.attn.qkv(b.ln_1(x)).reshape(T, 3, H, -1).permute(1, 2, 0, 3)  # [H, T, d] each
            if self.c.positions == "rope":
                q, k = self.rope(q, S), self.rope(k, S)
            if ks is not None:
                k, v = torch.cat((ks[i], k), 1), torch.cat((vs[i], v), 1)
            new.append((k, v))
            # The mask is a lower-triangular matrix of the full length, of which the last T rows are taken.
            mask = torch.ones(S + T, S + T, dtype=torch.bool).tril()[S:] if T > 1 else torch.ones(1, S + T, dtype=torch.bool)
            w = torch.where(mask, (q @ k.mT) * q.shape[-1] ** -0.5, -torch.inf).softmax(-1)
            x = x + self.noise(b.attn.proj((w @ v).movedim(0, 1).flatten(1)))
            x = x + self.noise(b.mlp.proj(gelu(b.mlp.fc(b.ln_2(x)))))
        return self.head(self.ln_f(x)), torch.stack([k for k, _ in new]), torch.stack([v for _, v in new])

    def rope(self, x, S):
        """By an explicit [T, d, d] rotation matrix."""
        T, d = x.shape[1:]
        h = d // 2
        a = torch.arange(S, S + T, dtype=torch.float64)[:, None] * 10000.0 ** (torch.arange(h, dtype=torch.float64) / -h)
        c, s = torch.diag_embed(a.cos()), torch.diag_embed(a.sin())
        M = torch.cat((torch.cat((c, -s), 2), torch.cat((s, c), 2)), 1).to(x.dtype)
        return (M @ x.unsqueeze(-1)).squeeze(-1)


class Stacked(tuple):
    """(ks, vs), each [B, L, H, S, d]; iterating walks the layers."""

    def __iter__(self):
        return zip(self[0].unbind(1), self[1].unbind(1))


class MiniGPT(One):
    def __init__(self, config):
        super().__init__(GPTConfig(**asdict(config)))
        self.config = config

    def _check(self, n):
        if n > self.config.block_size:
            raise ValueError(f"{n} > {self.config.block_size}")

    def _each(self, idx, *cache):
        body = super().forward
        if not cache:
            return vmap(lambda row: body(row, None, None), randomness="different")(idx)
        return vmap(body, randomness="different")(idx, *cache)

    def forward(self, idx, targets=None):
        self._check(idx.shape[1])
        logits = self._each(idx)[0]
        if targets is None:
            return logits, None
        row = lambda lg, tg: torch.nn.functional.cross_entropy(lg[:-1], tg[1:])
        return logits, vmap(row)(logits, targets).mean()

    def prefill(self, idx):
        self._check(idx.shape[1])
        logits, *kv = self._each(idx)
        return logits, Stacked(kv)

    def decode(self, tokens, cache):
        ks, vs = cache[0], cache[1]
        self._check(ks.shape[3] + tokens.shape[1])
        logits, *kv = self._each(tokens, ks, vs)
        return logits, Stacked(kv)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        modes = [(m, m.training) for m in self.modules()]
        for m, _ in modes:
            m.training = False
        try:
            for step in range(max_new_tokens):
                n = idx.shape[1]
                if use_cache and step and n <= self.config.block_size:
                    logits, cache = self.decode(idx[:, n - 1 :], cache)
                elif use_cache:
                    logits, cache = self.prefill(idx[:, -self.config.block_size :])
                else:
                    logits, _ = functional_call(self, dict(self.named_parameters()), (idx[:, -self.config.block_size :],))
                idx = torch.column_stack((idx, logits[:, -1].argmax(-1)))
            return idx
        finally:
            for m, mode in modes:
                m.training = mode
