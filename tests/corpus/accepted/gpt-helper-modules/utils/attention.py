import torch
from torch import nn

from utils.rotary import rotary


class SelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.n_head
        self.rotary = config.positions == "rope"
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, memory=None):
        batch, new, width = x.shape
        q, k, v = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in self.qkv(x).tensor_split(3, dim=-1))
        old = memory[0].shape[-2] if memory else 0
        if self.rotary:
            q, k = rotary(q, old), rotary(k, old)
        if memory:
            k, v = torch.cat([memory[0], k], -2), torch.cat([memory[1], v], -2)
        # Additive mask: 0 where key <= query, else minus infinity.
        bias = torch.full((new, old + new), -torch.inf, dtype=x.dtype, device=x.device).triu(old + 1)
        weights = ((q @ k.mT) * width**-0.5 * self.heads**0.5 + bias).softmax(-1)
        mixed = (self.drop(weights) @ v).transpose(1, 2).reshape(batch, new, width)
        return self.drop(self.proj(mixed)), (k, v)
