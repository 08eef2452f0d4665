from pathlib import Path

import helpers
import torch
from reference import next_token_loss
from torch import nn
from utils.attention import SelfAttention
from worker import FeedForward

from helpers import GPTConfig

HERE = Path(__file__).resolve().parent
assert (HERE / "utils" / "attention.py").is_file()


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = SelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = FeedForward(config)

    def forward(self, x, memory=None):
        attended, memory = self.attn(self.ln_1(x), memory)
        x = x + attended
        return x + self.mlp(self.ln_2(x)), memory


class MiniGPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        if config.positions == "learned":
            self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def _logits(self, idx, memories):
        begin = memories[0][0].shape[-2] if memories else 0
        end = begin + idx.shape[-1]
        if end > self.config.block_size:
            raise helpers.TooLong(end, self.config.block_size)
        x = self.tok_emb(idx)
        if self.config.positions == "learned":
            x = x + self.pos_emb.weight[begin:end]
        x = self.drop(x)
        kept = []
        for i, block in enumerate(self.blocks):
            x, memory = block(x, memories[i] if memories else None)
            kept += [list(memory)]
        return self.head(self.ln_f(x)), kept

    def forward(self, idx, targets=None):
        logits, _ = self._logits(idx, None)
        return logits, None if targets is None else next_token_loss(logits, targets)

    def prefill(self, idx):
        return self._logits(idx, None)

    def decode(self, tokens, cache):
        return self._logits(tokens, cache)

    def generate(self, idx, max_new_tokens, use_cache=True):
        with helpers.evaluating(self), torch.no_grad():
            return helpers.greedy(self, idx, max_new_tokens, use_cache)
