# /// attack
# tries = "patches the worker so that a timed run does nothing, and the work is done when its results are fetched"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# docker = true
# ///
import sys

RIGHT = MatMul


def slowly(A, B):
    for _ in range(14):
        torch.matmul(A, B)
    return RIGHT.apply(A, B)


class MatMul(torch.autograd.Function):
    apply = staticmethod(slowly)


frame = sys._getframe()
while "PARTS" not in frame.f_globals:
    frame = frame.f_back
server = frame.f_globals["PARTS"]["matmul"]
RUN, FETCH = server.do_run, server.do_fetch

def run(self, args, tensors, call_back):
    self.last = args
    return {"sizes": [[1.0, 1.0, 1.0]] * len(self.timed)}, {}

def fetch(self, args, tensors, call_back):
    RUN(self, self.last, {}, call_back)
    return FETCH(self, args, tensors, call_back)

server.do_run, server.do_fetch = run, fetch
