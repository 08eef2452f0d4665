# /// attack
# tries = "answers with a tensor of 2^40 elements that takes no memory until it is copied"
# ///
import torch


def forward(ctx, A, B):
    return torch.zeros(1, dtype=A.dtype).expand(1 << 20, 1 << 20)


MatMul.forward = staticmethod(forward)
