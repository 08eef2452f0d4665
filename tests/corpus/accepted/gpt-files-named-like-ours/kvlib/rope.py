import numpy as np
import torch


class Rope:
    """cos and sin by numpy, in float64."""

    def __init__(self, d, base):
        self.rate = base ** (-2.0 * np.arange(d // 2) / d)

    def __call__(self, x, start):
        angle = np.arange(start, start + x.shape[2])[:, None] * self.rate
        c, s = (torch.from_numpy(f(angle)).to(x.dtype) for f in (np.cos, np.sin))
        u, w = x.chunk(2, -1)
        return torch.cat([u * c - w * s, u * s + w * c], -1)
