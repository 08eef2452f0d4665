import numpy as np
import torch


def rotary(x, begin):
    """Turn by angles that numpy computes."""
    size = x.shape[-1]
    angles = np.outer(np.arange(begin, begin + x.shape[-2]), 10000.0 ** (-np.arange(0, size, 2) / size))
    cos, sin = torch.from_numpy(np.cos(angles)).to(x.dtype), torch.from_numpy(np.sin(angles)).to(x.dtype)
    a, b = x.tensor_split(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
