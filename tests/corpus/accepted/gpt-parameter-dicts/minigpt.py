from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(eq=False)
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


def P(*shape, bias=True):
    made = {"weight": nn.Parameter(torch.empty(*shape).normal_(0, 0.02))}
    if bias:
        made["bias"] = nn.Parameter(torch.zeros(shape[0]))
    return nn.ParameterDict(made)


def apply(p, x):
    """Linear for 2-D weights, LayerNorm for 1-D ones."""
    if p["weight"].dim() == 2:
        return F.linear(x, **p)
    return F.layer_norm(x, (x.size(-1),), **p)


def block(c):
    C = c.n_embd
    return nn.ModuleDict(
        {
            "mlp": nn.ModuleDict({"fc": P(4 * C, C), "proj": P(C, 4 * C)}),
            "attn": nn.ModuleDict({"proj": P(C, C), "qkv": P(3 * C, C)}),
            "ln_1": P(C),
            "ln_2": P(C),
        }
    )


class Transformer(nn.ModuleDict):
    def __init__(self, config):
        super().__init__(
            {
                "tok_emb": P(config.vocab_size, config.n_embd, bias=False),
                "blocks": nn.ModuleDict({str(i): block(config) for i in range(config.n_layer)}),
                "ln_f": P(config.n_embd),
                "head": P(config.vocab_size, config.n_embd, bias=False),
            }
        )
        self.config = config
        N = config.block_size
        self.register_buffer("fence", torch.full((N, N), -1e9).triu(1), persistent=False)
        if config.positions == "learned":
            self["pos_emb"] = P(N, config.n_embd, bias=False)
        elif config.positions == "rope":
            half = config.n_embd // config.n_head // 2
            grid = torch.arange(N, dtype=torch.float64).view(-1, 1) * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
            self.register_buffer("wheel", torch.stack((grid.cos(), grid.sin())), persistent=False)  # stays float64
        else:
            raise ValueError(config.positions)

    def _split(self, y):
        B, T, _ = y.shape
        return y.view(B, T, self.config.n_head, -1).transpose(1, 2).reshape(B * self.config.n_head, T, -1)

    def _turn(self, y, lo, hi):
        c, s = self.wheel[:, lo:hi].to(y.dtype)
        l, r = y.tensor_split(2, -1)
        return torch.cat((torch.addcmul(l * c, r, s, value=-1), torch.addcmul(r * c, l, s)), -1)

    def _drop(self, x):
        return F.dropout(x, p=self.config.dropout, training=self.training)

    def _forward(self, idx, past):
        B, T = idx.shape
        lo = past[0][0].size(2) if past is not None else 0
        hi = lo + T
        if hi > self.config.block_size:
            raise ValueError("block_size")
        x = F.embedding(idx, self["tok_emb"]["weight"])
        if "pos_emb" in self:
            x = x + self["pos_emb"]["weight"][lo:hi]
        x, present = self._drop(x), []
        for name, b in self["blocks"].items():
            q, k, v = map(self._split, apply(b["attn"]["qkv"], apply(b["ln_1"], x)).split(self.config.n_embd, -1))
            if "pos_emb" not in self:
                q, k = self._turn(q, lo, hi), self._turn(k, lo, hi)
            if past is not None:
                pk, pv = past[int(name)]
                k, v = torch.cat((pk.flatten(0, 1), k), 1), torch.cat((pv.flatten(0, 1), v), 1)
            present.append((k.view(B, -1, hi, k.size(-1)), v.view(B, -1, hi, v.size(-1))))
            w = torch.baddbmm(self.fence[lo:hi, :hi].to(q.dtype), q, k.mT, alpha=q.size(-1) ** -0.5).softmax(-1)
            y = (self._drop(w) @ v).view(B, -1, T, v.size(-1)).transpose(1, 2).flatten(2)
            x = x + self._drop(apply(b["attn"]["proj"], y))
            x = x + self._drop(apply(b["mlp"]["proj"], F.gelu(apply(b["mlp"]["fc"], apply(b["ln_2"], x)))))
        return apply(self["head"], apply(self["ln_f"], x)), present

    def forward(self, idx, targets=None):
        logits, _ = self._forward(idx, None)
        if targets is not None:
            return logits, F.cross_entropy(logits[:, :-1].mT, targets[:, 1:])
        return logits, None

    def prefill(self, idx):
        return self._forward(idx, None)

    def decode(self, tokens, cache):
        return self._forward(tokens, cache)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        state = [(m, m.training) for m in self.modules()]
        self.eval()
        cache = None
        for _ in range(max_new_tokens):
            over = idx.size(1) > self.config.block_size
            if cache is None or over or not use_cache:
                logits, cache = self.prefill(idx[:, -self.config.block_size :])
            else:
                logits, cache = self.decode(idx[:, -1:], cache)
            idx = torch.cat((idx, logits[:, -1].topk(1).indices), 1)
        for m, s in state:
            m.training = s
        return idx


MiniGPT = Transformer
