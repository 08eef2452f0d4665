# /// attack
# tries = "raises SystemExit, KeyboardInterrupt, GeneratorExit and exceptions without bases in every call"
# ///
import itertools

KINDS = itertools.cycle([SystemExit(0), KeyboardInterrupt(), GeneratorExit(), BaseException(), StopIteration(), MemoryError()])


def forward(ctx, A, B):
    raise next(KINDS)


MatMul.forward = staticmethod(forward)
