# /// attack
# tries = "puts a million tensors without bytes beside each right answer: 53 MiB, half a minute and two gigabytes for the judge to read"
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
_more = ",".join(f'"{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(1_000_000))


def _send(header, tensors=None):
    payload = b""
    if tensors:
        payload = _wire.pack_tensors(tensors)
        (size,) = _struct.unpack("<Q", payload[:8])
        told = payload[8 : 8 + size].decode().rstrip()
        told = (told[:-1] + "," + _more + "}").encode()
        told += b" " * (-len(told) % 8)
        payload = _struct.pack("<Q", len(told)) + told + payload[8 + size :]
    head = _json.dumps(header).encode()
    _the.sock.sendall(_wire.LENGTHS.pack(len(head), len(payload)) + head + payload)


_the.send = _send
