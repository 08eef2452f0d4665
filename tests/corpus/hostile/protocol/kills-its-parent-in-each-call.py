# /// attack
# tries = "imports well, then kills the worker's parent in every call"
# slow = true
# ///
import os
import signal
import time


def forward(ctx, A, B):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(5)


MatMul.forward = staticmethod(forward)
