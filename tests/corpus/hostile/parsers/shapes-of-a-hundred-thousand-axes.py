# /// attack
# slow = true
# tries = "gives C a shape of a hundred thousand axes, then one that overflows behind an axis of none"
# fails = ["matmul.*"]
# only = "matmul.f*"
# ///
import json as _json
import struct as _struct
import sys as _sys


def _line():
    frame = _sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("line")
        if hasattr(found, "sock"):
            return found
        frame = frame.f_back


_the = _line()
_wire = type(_the).send.__globals__["wire"]
_right = type(_the).send


def _raw(header, told, data=b""):
    told += b" " * (-len(told) % 8)
    payload = _struct.pack("<Q", len(told)) + told + data
    head = header if isinstance(header, bytes) else _json.dumps(header).encode()
    _the.sock.sendall(_wire.LENGTHS.pack(len(head), len(payload)) + head + payload)


def _send(header, tensors=None):
    if not tensors:
        return _right(_the, header, tensors)
    _the.turn = getattr(_the, "turn", 0) + 1
    shape = [1] * 100_000 if _the.turn % 2 else [0, 2**61, 2**61, 2**61]
    size = 8 if _the.turn % 2 else 0
    _raw(header, _json.dumps({"C": {"dtype": "F64", "shape": shape, "data_offsets": [0, size]}}).encode(), bytes(size))


_the.send = _send
