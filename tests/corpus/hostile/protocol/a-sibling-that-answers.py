# /// attack
# slow = true
# tries = "clones itself as a child of the worker's parent and ends; the clone goes on answering on the socket"
# base = "blank"
# ///
import ctypes
import os
import sys
import time

CLONE_PARENT = 0x8000
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
pid = libc.syscall(56, CLONE_PARENT | 17, 0, 0, 0, 0)
if pid > 0:
    os._exit(0)
print("clone", pid, os.getppid(), flush=True)
time.sleep(0.2)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B

    @staticmethod
    def backward(ctx, dC):
        A, B = ctx.saved_tensors
        return dC @ B.mT, A.mT @ dC
