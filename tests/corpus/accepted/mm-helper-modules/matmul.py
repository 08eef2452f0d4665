from pathlib import Path

import torch
from reference import matrix_transpose
from utils import shrink_like
from worker import product

assert (Path(__file__).parent / "utils.py").is_file()


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return product(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        dA = shrink_like(product(dC, matrix_transpose(B)), A) if ctx.needs_input_grad[0] else None
        dB = shrink_like(product(matrix_transpose(A), dC), B) if ctx.needs_input_grad[1] else None
        return dA, dB
