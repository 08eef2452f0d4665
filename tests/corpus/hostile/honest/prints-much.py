# /// attack
# tries = "nothing: it prints in every call, on both outputs, and logs"
# fails = []
# keeps = ["[gcms]*.*"]
# docker = true
# ///
import logging
import sys
import warnings

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
RIGHT = MatMul.forward


def forward(ctx, A, B):
    print("forward", A.shape, B.shape)
    logging.info("forward %s", A.shape)
    warnings.warn("this is slow", stacklevel=1)
    return RIGHT(ctx, A, B)


MatMul.forward = staticmethod(forward)
