from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class TooLong(ValueError):
    def __init__(self, n, limit):
        super().__init__(f"{n} tokens, but block_size is {limit}")


@contextmanager
def evaluating(model):
    before = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for m, training in before:
            m.training = training


def greedy(model, idx, steps, use_cache):
    limit = model.config.block_size
    cache = logits = None
    for step in range(steps):
        full = idx.shape[1] > limit
        if use_cache and not full and step:
            logits, cache = model.decode(idx[:, -1:], cache)
        elif use_cache and not full:
            logits, cache = model.prefill(idx)
        else:
            logits, _ = model(idx[:, -limit:])
        idx = torch.hstack([idx, logits[:, -1:].argmax(-1)])
    return idx
