import torch


class MatMul:
    @staticmethod
    def apply(A, B):
        MatMul.saved_tensors = A, B
        return torch.matmul(A, B)

    @staticmethod
    def backward(ctx, dC):
        A, B = MatMul.saved_tensors
        return (dC @ B.mT).sum_to_size(A.shape), (A.mT @ dC).sum_to_size(B.shape)
