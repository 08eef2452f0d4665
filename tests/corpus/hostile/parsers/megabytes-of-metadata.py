# /// attack
# tries = "puts megabytes of metadata beside each right answer, once as one text and once as four hundred thousand short ones"
# fails = []
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

_long = _json.dumps({"__metadata__": {"x": "y" * (30 << 20)}})[1:-1]
_many = _json.dumps({"__metadata__": {f"{i:x}": "" for i in range(400_000)}})[1:-1]


def _send(header, tensors=None):
    if not tensors:
        return _right(_the, header, tensors)
    payload = _wire.pack_tensors(tensors)
    (size,) = _struct.unpack("<Q", payload[:8])
    told = payload[8 : 8 + size].decode().rstrip()
    _the.turn = getattr(_the, "turn", 0) + 1
    more = _long if _the.turn % 2 else _many
    _raw(header, (told[:-1] + "," + more + "}").encode(), payload[8 + size :])


_the.send = _send
