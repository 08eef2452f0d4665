# /// attack
# tries = "an alarm every millisecond, whose handler raises whatever is under way: in the worker's own lines, while it reads, packs, sends, and tells what went wrong"
# fails = ["matmul.forward"]
# keeps = ["scan*", "gpt*"]
# ///
import signal

_rung = 0


def _ring(number, frame):
    global _rung
    _rung += 1
    raise (ValueError, KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit)[_rung % 5]("rang")


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        signal.signal(signal.SIGALRM, _ring)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        return torch.matmul(A, B) * 2
