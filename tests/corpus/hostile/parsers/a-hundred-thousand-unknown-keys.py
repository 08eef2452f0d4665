# /// attack
# tries = "a reply with as many unknown keys as a header can hold, for each of which the judge writes down what is wrong with it, in every check"
# fails = ["matmul.*"]
# keeps = ["scan*"]
# verdicts = { "matmul.forward" = "protocol_error" }
# only = "matmul.forward"
# ///
import json
import string
import struct
import sys
from itertools import islice, product


def _answer():
    frame = sys._getframe()
    while frame is not None and not ("line" in frame.f_locals and "call_id" in frame.f_locals):
        frame = frame.f_back
    line, call_id = frame.f_locals["line"], frame.f_locals["call_id"]
    keys = ("".join(letters) for letters in product(string.ascii_letters, repeat=3))
    body = ",".join(f'"{key}":0' for key in islice(keys, 130_000))
    header = ('{"id":' + json.dumps(call_id) + ',"ok":{},' + body + "}").encode()
    assert len(header) < 1 << 20, len(header)
    line.sock.sendall(struct.pack(">IQ", len(header), 0) + header)


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        _answer()
        return torch.matmul(A, B)
