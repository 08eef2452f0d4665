# /// attack
# slow = true
# tries = "fills each header with three hundred thousand empty lists, and nests others in every field that has no form of its own"
# fails = ["matmul.timing", "matmul.contract"]
# only = "matmul.[tc]*"
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

_lists = [[] for _ in range(50_000)]


def _send(header, tensors=None):
    ok = header.get("ok")
    if ok:
        for name in ok:
            if name != "requires_grad":
                ok[name] = _lists
    elif ok is not None and not tensors:
        header = header | {"ok": {"": _lists}}
    _right(_the, header, tensors)


_the.send = _send
