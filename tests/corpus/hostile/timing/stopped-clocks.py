# /// attack
# tries = "stops every clock of its process, by Python, by the C library and by resource usage, and dawdles"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# docker = true
# ///
import resource
import time

for name in ("time", "perf_counter", "process_time", "monotonic", "thread_time"):
    setattr(time, name, lambda: 1.0)
    setattr(time, name + "_ns", lambda: 1)
time.clock_gettime = lambda _: 1.0
resource.getrusage = lambda _: None
RIGHT = MatMul.forward


def forward(ctx, A, B):
    for _ in range(20 if A.numel() > 10_000 else 0):
        torch.matmul(A, B)
    return RIGHT(ctx, A, B)


MatMul.forward = staticmethod(forward)
