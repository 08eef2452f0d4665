from contextlib import contextmanager

import torch


@contextmanager
def quiet(model):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for m, mode in modes:
            m.training = mode


def greedy(model, idx, n, use_cache):
    N = model.config.block_size
    with quiet(model):
        cache = None
        for _ in range(n):
            if use_cache and cache is not None and idx.shape[1] <= N:
                logits, cache = model.decode(idx[:, -1:], cache)
            else:
                logits, cache = model.prefill(idx[:, -N:])
            idx = torch.cat([idx, logits[:, -1].argmax(-1, True)], 1)
    return idx
