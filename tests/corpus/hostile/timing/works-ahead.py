# /// attack
# tries = "patches the worker so that every product is computed when the operands come, before any clock runs"
# only = "matmul.timing"
# fails = ["matmul.timing"]
# slow = true
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
PUT, RUN = server.do_put, server.do_run

def put(self, args, tensors, call_back):
    answer = PUT(self, args, tensors, call_back)
    self.known = RUN(self, {"shift": 0.0, "middle": 0.8}, {}, call_back)
    return answer

server.do_put = put
server.do_run = lambda self, args, tensors, call_back: self.known
