import torch


class MatMul(torch.nn.Module):
    def forward(self, A, B):
        return A @ B
