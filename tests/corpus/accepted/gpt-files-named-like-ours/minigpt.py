"""The model is spread over helpers: see kvlib/, utils.py, worker.py, checks.py, reference.py and settings.toml."""
import tomllib
from pathlib import Path

import torch
from checks import fits, shaped
from kvlib.store import Store
from reference import GPTConfig
from torch import nn
from utils import causal, split_heads
from worker import Stack

SETTINGS = tomllib.loads((Path(__file__).parent / "settings.toml").read_text())

__all__ = ["GPTConfig", "MiniGPT"]


class MiniGPT(Stack):
    def __init__(self, config: GPTConfig):
        super().__init__(config, SETTINGS)

    def forward(self, idx, targets=None):
        logits, _ = self.prefill(idx)
        if targets is None:
            return logits, None
        from kvlib.loss import next_token  # lazily, on purpose

        return logits, next_token(logits, targets)

    def prefill(self, idx):
        return self.decode(idx, Store())

    def decode(self, tokens, cache):
        fits(cache.length, tokens, self.config.block_size)
        return self.climb(tokens, cache)

    def generate(self, idx, max_new_tokens, use_cache=True):
        import kvlib.sampling as sampling

        return sampling.greedy(self, idx, max_new_tokens, use_cache)
