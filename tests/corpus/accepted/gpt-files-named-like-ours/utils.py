import torch


def split_heads(x, n_head):
    return x.reshape(*x.shape[:2], n_head, -1).swapaxes(1, 2)


def merge_heads(x):
    return x.swapaxes(1, 2).flatten(2)


def causal(start, stop):
    """[stop - start, stop] of bool: may query start + i see key j?"""
    return torch.arange(stop)[None, :].le(torch.arange(start, stop)[:, None])
