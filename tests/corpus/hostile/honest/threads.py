# /// attack
# tries = "nothing: it has threads, a pool, a queue, a subprocess and a timer"
# fails = []
# keeps = ["[gcms]*.*"]
# ///
import concurrent.futures
import subprocess
import sys
import threading

POOL = concurrent.futures.ThreadPoolExecutor(2)
RIGHT = MatMul.forward
threading.Timer(0.2, lambda: None).start()
subprocess.run([sys.executable, "-c", "print('hello')"], check=True)


def forward(ctx, A, B):
    return POOL.submit(torch.matmul, A.detach(), B.detach()).result() if not ctx.save_for_backward(A, B) else None


MatMul.forward = staticmethod(forward)
