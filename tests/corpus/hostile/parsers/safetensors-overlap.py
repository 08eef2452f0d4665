# /// attack
# tries = "payloads with overlapping offsets, overflowing shapes, unknown dtypes, holes and names of a megabyte, in turn"
# docker = true
# ///
import itertools
import json
import struct
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
F = "F64"
HEADS = itertools.cycle(
    [
        {"C": {"dtype": F, "shape": [1], "data_offsets": [0, 8]}, "D": {"dtype": F, "shape": [1], "data_offsets": [4, 12]}},
        {"C": {"dtype": F, "shape": [2**62, 2**62], "data_offsets": [0, 8]}},
        {"C": {"dtype": F, "shape": [2**61], "data_offsets": [0, 2**64 - 1]}},
        {"C": {"dtype": "F1024", "shape": [1], "data_offsets": [0, 8]}},
        {"C": {"dtype": F, "shape": [-1], "data_offsets": [0, 8]}},
        {"C": {"dtype": F, "shape": [1], "data_offsets": [8, 0]}},
        {"C" * 1_000_000: {"dtype": F, "shape": [1], "data_offsets": [0, 8]}},
        {"C": {"dtype": F, "shape": [1] * 10_000, "data_offsets": [0, 8]}},
        {"C": {"dtype": "BOOL", "shape": [8], "data_offsets": [0, 8]}},
        {"C": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}},
    ]
)


def send(header, tensors=None):
    head = json.dumps({"id": header["id"], "ok": {"requires_grad": True}}).encode()
    inner = json.dumps(next(HEADS)).encode()
    payload = struct.pack("<Q", len(inner)) + inner + b"\x07" * 16
    LINE.sock.sendall(struct.pack(">IQ", len(head), len(payload)) + head + payload)


LINE.send = send
