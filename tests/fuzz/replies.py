"""Replies that are nearly right, for a fuzzer that would take long to write JSON by chance."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

ID = "@" * 16
DTYPES = {
    "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "C64": 8,
    "F64": 8, "I64": 8, "U64": 8, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F4": 1,
}  # fmt: skip
FRAME = {"file": "scan.py", "line": 7, "name": "f", "text": "raise"}
ERROR = {"type": "ValueError", "message": "no", "frames": [FRAME], "memory": False, "value_error": True}
FIELDS = ("ok", "ok", "error", "unfit", "too_large", "combine", "verdict")


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Keep the beginning of a script and let the worker say something else from there."""
    ends = [1]  # of what is said before, each a form, a length and so many bytes
    while ends[-1] + 3 <= len(data):
        ends.append(ends[-1] + 3 + int.from_bytes(data[ends[-1] + 1 : ends[-1] + 3], "big"))
    kept = data[: rng.choice(ends)] or bytes([23])
    return kept + b"".join(record(rng) for _ in range(rng.randint(1, 4)))


def record(rng: random.Random) -> bytes:
    header: dict[str, Any] = {"id": ID} if rng.random() < 0.95 else {}
    for _ in range(rng.choice((1, 1, 1, 2))):
        field = rng.choice(FIELDS)
        usual = {"ok": {}, "error": ERROR, "unfit": "no", "too_large": 1, "combine": True}
        header[field] = usual[field] if field in usual and rng.random() < 0.5 else value(rng)
    if isinstance(header.get("error"), dict):
        error = json.loads(json.dumps(header["error"]))
        error[rng.choice(list(ERROR))] = value(rng)
        header["error"] = error
    body = json.dumps(header).encode() + (b"\xfe" + tensors(rng) if rng.random() < 0.5 else b"")
    return b"\xff" + len(body).to_bytes(2, "big") + body


def value(rng: random.Random) -> Any:
    plain = (None, True, False, 0, -1, 2**70, 1.5, "", "\ud800", "\0\u202e", "x" * 300, [], {}, FRAME, [FRAME] * 20)
    found = rng.choice(plain)
    return {"x": found} if rng.random() < 0.2 else [found] if rng.random() < 0.1 else found


def tensors(rng: random.Random) -> bytes:
    header, at = {}, 0
    for name in rng.choice((["out"], ["left", "right"], ["a", "b"])):
        dtype, shape = rng.choice(list(DTYPES)), [rng.choice((0, 1, 2, 3)) for _ in range(rng.randrange(4))]
        size = DTYPES[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rng.randbytes(at) + b"\0" * rng.choice((0, 0, 0, 1))
