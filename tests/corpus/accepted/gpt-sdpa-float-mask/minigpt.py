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


def rope(x, offset):
    T, d = x.shape[-2:]
    inv_freq = 1.0 / (10000.0 ** (torch.arange(0, d, 2, dtype=torch.float64) / d))
    angles = torch.outer(torch.arange(offset, offset + T, dtype=torch.float64), inv_freq)
    cos = torch.cat([angles, angles], -1).cos().to(x)
    sin = torch.cat([angles, angles], -1).sin().to(x)
    x1, x2 = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-x2, x1], -1) * sin


class CausalSelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x, past=None):
        B, T, C = x.size()
        H = self.cfg.n_head
        q, k, v = self.qkv(x).view(B, T, 3, H, C // H).permute(2, 0, 3, 1, 4)
        P = 0 if past is None else past[0].size(-2)
        if self.cfg.positions == "rope":
            q, k = rope(q, P), rope(k, P)
        if past is not None:
            k = torch.cat((past[0], k), dim=-2)
            v = torch.cat((past[1], v), dim=-2)
        mask = torch.triu(torch.full((T, P + T), float("-inf")), diagonal=P + 1)
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=self.drop.p if self.training else 0.0,
        )
        return self.drop(self.proj(y.transpose(1, 2).contiguous().view(B, T, C))), (k, v)


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = nn.Linear(cfg.n_embd, 4 * cfg.n_embd)
        self.gelu = nn.GELU()
        self.proj = nn.Linear(4 * cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x):
        return self.drop(self.proj(self.gelu(self.fc(x))))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.n_embd)
        self.attn = CausalSelfAttention(cfg)
        self.ln_2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = MLP(cfg)

    def forward(self, x, past=None):
        y, present = self.attn(self.ln_1(x), past)
        x = x + y
        return x + self.mlp(self.ln_2(x)), present


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

    def _trunk(self, idx, past):
        P = past[0][0].size(-2) if past else 0
        T = idx.size(1)
        if P + T > self.config.block_size:
            raise ValueError("sequence is longer than block_size")
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb(torch.arange(P, P + T, device=idx.device))
        x = self.drop(x)
        presents = []
        for block, p in zip(self.blocks, past or [None] * len(self.blocks)):
            x, present = block(x, p)
            presents.append(present)
        return self.head(self.ln_f(x)), presents

    def forward(self, idx, targets=None):
        logits, _ = self._trunk(idx, None)
        loss = None
        if targets is not None:
            V = logits.size(-1)
            loss = F.cross_entropy(logits[:, :-1, :].reshape(-1, V), targets[:, 1:].reshape(-1))
        return logits, loss

    def prefill(self, idx):
        return self._trunk(idx, None)

    def decode(self, tokens, cache):
        return self._trunk(tokens, cache)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, use_cache=True):
        was_training = {name: m.training for name, m in self.named_modules()}
        self.eval()
        past, limit = None, self.config.block_size
        for _ in range(max_new_tokens):
            if use_cache and past is not None and idx.size(1) <= limit:
                logits, past = self.decode(idx[:, -1:], past)
            elif use_cache:
                logits, past = self.prefill(idx[:, -limit:])
            else:
                logits, _ = self(idx[:, -limit:])
            nxt = torch.argmax(logits[:, -1, :], dim=-1, keepdim=True)
            idx = torch.cat((idx, nxt), dim=1)
        for name, m in self.named_modules():
            m.training = was_training[name]
        return idx
