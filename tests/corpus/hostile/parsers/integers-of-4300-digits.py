# /// attack
# tries = "answers with integers of as many digits as Python still reads, wherever a number is believed, printed, compared or kept as evidence"
# into = "minigpt.py"
# fails = ["gpt.mode"]
# keeps = ["matmul.*", "scan.*"]
# only = "[cg][ap][ct]*.[lm]*"
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

_most, _least = int("9" * 4300), -int("9" * 4300)


def _send(header, tensors=None):
    ok = header.get("ok")
    if ok:
        for name, value in ok.items():
            if name == "held_bytes":
                ok[name] = _most
            elif name == "modes_changed":
                ok[name] = _least
    _right(_the, header, tensors)


_the.send = _send
_the.send.__globals__["_sys"].set_int_max_str_digits(0)
