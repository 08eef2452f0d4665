# /// attack
# tries = "patches the worker so that a timed run only says how large its products are, which takes no product where no operand has a negative entry; what is fetched is computed then"
# only = "matmul.timing"
# fails = ["matmul.timing"]
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
shifted = RUN.__globals__["shifted"]


def total(left, right):
    """The sum over left @ right."""
    return float((left.sum(-2) * right.sum(-1)).sum().abs())


def run(self, args, tensors, call_back):
    self.last = args
    sizes = []
    for kept in self.timed:
        A, B, dC = (shifted(x, args["shift"], args["middle"]) for x in kept)
        sizes.append([total(A, B), total(dC, B.mT), total(A.mT, dC)])
    return {"sizes": sizes}, {}


def fetch(self, args, tensors, call_back):
    RUN(self, self.last, {}, call_back)
    return FETCH(self, args, tensors, call_back)


server.do_run, server.do_fetch = run, fetch
