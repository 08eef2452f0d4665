import torch
from matmul import MatMul


def test_it_runs():
    MatMul.apply(torch.ones(2, 3), torch.ones(3, 2))
