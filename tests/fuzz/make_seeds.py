"""Write what the fuzzers start from: `python tests/fuzz/make_seeds.py`. Findings lie beside it and are kept."""

from __future__ import annotations

import io
import json
import struct
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from grader import wire  # noqa: E402

SEEDS = Path(__file__).parent / "seeds"
ID = "@" * 16
GOOD = 1 | 2 | 4 | 16  # boots, spawns, imports and ends as it should
FRAME = {"file": "scan.py", "line": 7, "name": "f", "text": "raise"}
ERROR = {"type": "ValueError", "message": "no", "frames": [FRAME], "memory": False, "value_error": True}


def piece(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def raw(data: bytes) -> bytes:
    return b"\0" + piece(data)


def chunk(kind: bytes, data: bytes) -> bytes:
    return bytes([64 + (wire.DATA, wire.LOG, wire.EXIT, wire.READY).index(kind)]) + piece(data)


def message(header: Any, payload: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return b"\xff" + piece(text + (b"\xfe" + payload if payload else b""))


def reply(payload: bytes = b"", **said: Any) -> bytes:
    return message({"id": ID, **said}, payload)


def tensors(dtype: torch.dtype, *shape: int) -> bytes:
    return save({"out": torch.zeros(shape, dtype=dtype)})


INTERVALS = torch.zeros(1, 2, dtype=torch.int64)

JUDGE = {
    "answers": bytes([GOOD]) + reply(ok={"n": 1}) * 5,
    "tensors": bytes([GOOD]) + reply(tensors(torch.float32, 2, 3), ok={}) * 5,
    "nan": bytes([GOOD]) + reply(save({"out": torch.full((2,), float("nan"))}), ok={}) * 5,
    "empty-tensors": bytes([GOOD]) + reply(tensors(torch.float64, 0, 3), ok={}) + reply(tensors(torch.bool), ok={}),
    "combine": bytes([GOOD])
    + reply(save({"left": INTERVALS, "right": INTERVALS.clone()}), combine=True) * 3
    + reply(ok={}),
    "combine-wrong": bytes([GOOD]) + reply(tensors(torch.int64, 1, 2), combine=True) + reply(combine=True),
    "error": bytes([GOOD]) + reply(error=ERROR) * 5,
    "unfit": bytes([GOOD]) + reply(unfit="no tensor") + reply(too_large=2**40) * 4,
    "logs": bytes([GOOD]) + (chunk(wire.LOG, b"hello\n" * 100) + reply(ok={})) * 5,
    "ends": bytes([GOOD]) + chunk(wire.EXIT, b'{"signal": 11}') + chunk(wire.EXIT, b'{"code": 0}'),
    "out-of-memory": bytes([GOOD | 32]) + chunk(wire.EXIT, b'{"signal": 9}') * 3,
    "cut": bytes([GOOD]) + raw(wire.chunk(wire.DATA, wire.pack(wire.Message({"id": ID, "ok": {}})))[:-3]) + raw(b"{}}"),
    "dies": bytes([GOOD | 8]) + reply(ok={}),
    "early": bytes([GOOD]) + reply(ok={}) * 2 + raw(wire.chunk(wire.READY) * 3),
    "lengths": bytes([GOOD]) + chunk(wire.DATA, wire.LENGTHS.pack(2, 2**63)) + raw(wire.CHUNK.pack(b"D", 2**32 - 1)),
    "header": bytes([GOOD]) + chunk(wire.DATA, wire.LENGTHS.pack(2**32 - 1, 0)) + message(b"[" * 3000),
    "constants": bytes([GOOD]) + message(b'{"a": NaN}') + message(b'{"a": 1, "a": 1}') + message(b'{"a": 1e999}'),
    "boots-itself": bytes([0])
    + chunk(wire.READY, b'{"nonce": "%s", "torch": "x"}' % ID.encode())
    + chunk(b"R", ID.encode()),
    "spawns-itself": bytes([1]) + chunk(wire.READY, ID.encode()) + reply(ok={}) * 3 + chunk(wire.EXIT, b'{"code": 1}'),
    "no-safetensors": bytes([GOOD]) + reply(struct.pack("<Q", 100 << 20) + b"{}", ok={}),
    # Findings, each once a fault of the harness.
    "found-combine-false": bytes([GOOD]) + reply(combine=False),
    "found-surrogate": bytes([GOOD]) + reply(ok={"a": "\ud800"}) + reply(error=ERROR | {"type": "\udfff"}),
    "found-uint16": bytes([GOOD]) + reply(tensors(torch.uint16, 2), ok={}),
    "found-float8": bytes([GOOD]) + reply(tensors(torch.float8_e4m3fn, 2), ok={}),
    "found-complex": bytes([GOOD]) + reply(tensors(torch.complex64, 2), ok={}),
    "found-long-type": bytes([GOOD]) + reply(error=ERROR | {"type": "E" * 40_000}),
    "found-boot": bytes([0]) + chunk(wire.READY, b"]"),
    "found-boot-too-large": bytes([0]) + raw(wire.CHUNK.pack(b"R", 2**32 - 1)),
    "found-ends-before-it-starts": bytes([GOOD & ~2])
    + (chunk(wire.EXIT, b'{"code": 3}') + chunk(wire.READY, ID.encode()) + reply(ok={})) * 2,
}

WORKER = {
    "relay": b"\1" + b"".join(bytes([act]) + piece(bytes([act]) * 500) for act in range(3)) * 4,
    "flood": b"\1" + (b"\1" + piece(b"x" * 9000)) * 6,
    "orders": b"\0"
    + piece(wire.chunk(wire.SPAWN, b'{"part": "scan", "files": {}}') + wire.chunk(wire.DATA, b"abc"))
    + piece(wire.chunk(wire.KILL) + wire.chunk(wire.KILL) + wire.chunk(wire.BOOT, b"{}")),
    "message": b"\0" + piece(wire.chunk(wire.DATA, wire.pack(wire.Message({"a": [1]}, {"x": torch.ones(3)})))) * 2,
    "split": b"\0" + b"".join(piece(bytes([b])) for b in wire.chunk(wire.DATA, wire.pack(wire.Message({"a": None})))),
    "claims": b"\0" + piece(wire.CHUNK.pack(b"D", 1 << 26)) + piece(wire.LENGTHS.pack(9, 9)),
}


def archive(members: dict[str, bytes], how: int = zipfile.ZIP_STORED, **attributes: Any) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as file:
        warnings.simplefilter("ignore")
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = how
            for key, value in attributes.items():
                setattr(member, key, value)
            file.writestr(member, data)
    return out.getvalue()


def far_away(offset: int) -> bytes:
    data = archive({"m.py": b"x"})
    at = data.index(b"PK\1\2")
    entry, extra = bytearray(data[at : data.index(b"PK\5\6")]), struct.pack("<HHQ", 1, 8, offset)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
    return data[:at] + entry + extra + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry) + len(extra), at, 0)


PLAIN = {"minigpt.py": b"x = 1\n", "tests/test_a.py": b"def test_a(): pass\n", "submission.toml": b'kit = "k-1"\n'}
ZIPS = {
    "flat": archive(PLAIN),
    "folder": archive({"alice/": b""} | {f"alice/{name}": data for name, data in PLAIN.items()}, zipfile.ZIP_DEFLATED),
    "empty": archive({}),
    "bzip2": archive({"a.py": b"0" * 99}, zipfile.ZIP_BZIP2),
    "link": archive({"matmul.py": b"/etc/passwd"}, external_attr=0o120777 << 16),
    "windows": archive({"alice\\a.py": b"x"}, create_system=0),
    "names": archive({"../a.py": b"", "/b.py": b"", "é.py": b"", "e\u0301.py": b"", "\u202e.py": b"", "a//b": b""}),
    "comment": archive(PLAIN) [:-2] + b"\5\0hello",
    "extra": archive(PLAIN, extra=struct.pack("<HH4s", 0x7075, 4, b"abcd")),
    "left-out": archive({".git/config": b"", "v/pyvenv.cfg": b"", "v/x.py": b"", "a.pyc": b"", "m.py": b""}),
    "encrypted": archive(PLAIN).replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"),
    "junk-before": b"#!/bin/sh\n" + archive(PLAIN),
    "toml": archive({"submission.toml": b"a." * 400 + b"a = 1"}, zipfile.ZIP_DEFLATED),
    "bomb": archive({"a.bin": b"0" * 2**20}, zipfile.ZIP_DEFLATED),
    "found-far-away": far_away(2**63 - 2),
    "found-nfc-grows": archive({"\U0001d160" * 60 + ".txt": b"x"}),
}  # fmt: skip

TREES = {
    "plain": bytes([0, 0, 0, 1, 0, 2, 1, 3, 4, 0, 5, 1, 4, 0, 8, 0, 8, 0]),
    "kinds": bytes([0, 5, 0, 1, 6, 2, 0, 7, 3, 0, 9, 2, 8, 0]),
    "deep": bytes([0] + [3, 4] * 6 + [0, 0, 1]),
    "names": bytes([0] + [x for name in range(28) for x in (0, name, 1)] + [8, 0]),
    "sizes": bytes([0] + [x for size in range(8) for x in (0, 206, 65 + size, 46, 112, 121, size)]),
    "archive": bytes([1] + [1, 0, 4, 5, 0, 3, 129, 164, 0, 1, 0, 0, 1] * 4),
    "archive-names": bytes(
        [1] + [x for name in range(28) for x in (0, name, 0, 3, 129, 164, 0, 1, 0, 0, 1)] + [2, 0, 60, 7, 1, 0, 9]
    ),
    "all-bytes": bytes(range(256)),
    "all-bytes-archive": b"\1" + bytes(range(255, -1, -1)),
}

if __name__ == "__main__":
    for target, seeds in {"wire_judge": JUDGE, "wire_worker": WORKER, "door_zip": ZIPS, "door_tree": TREES}.items():
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
