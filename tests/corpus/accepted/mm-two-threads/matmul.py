"""The two gradients of a large product are computed at once, dB on a helper thread.

Grad mode and the number of OpenMP threads are properties of the thread, so both are handed over explicitly.
"""
import threading

import torch

LARGE = 1 << 26  # multiplications: below it a thread costs more than it saves


class Later(threading.Thread):
    """Runs work() on a thread with the caller's grad mode; result() waits, and raises what work raised."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.mode, self.value, self.error = work, torch.is_grad_enabled(), None, None
        self.cores = torch.get_num_threads()
        self.start()

    def run(self):
        try:
            torch.set_num_threads(self.cores)
            with torch.set_grad_enabled(self.mode):
                self.value = self.work()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self.error = error

    def result(self):
        self.join()
        if self.error is not None:
            raise self.error
        return self.value


def collapse(G, shape):
    lead = G.dim() - len(shape)
    if lead:
        G = G.flatten(0, lead - 1).sum(0)
    ones = tuple(i for i, (g, s) in enumerate(zip(G.shape, shape)) if g != s)
    return G.sum(ones, keepdim=True) if ones else G


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A.matmul(B)

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors

        def grad_A():
            return collapse(dC.matmul(B.mT), A.shape)

        def grad_B():
            return collapse(A.mT.matmul(dC), B.shape)

        first, second = ctx.needs_input_grad
        if first and second and dC.numel() * A.size(-1) >= LARGE:
            later = Later(grad_B)
            dA = grad_A()
            return dA, later.result()
        return grad_A() if first else None, grad_B() if second else None
