# /// attack
# tries = "reply headers with NaN, 1e999, a key twice, 5,000 digits, deep nesting, lone surrogates and no UTF-8, in turn"
# ///
import itertools
import struct
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
HEADS = itertools.cycle(
    [
        b'{"id": "%s", "ok": {"x": NaN}}',
        b'{"id": "%s", "ok": {"x": 1e999}}',
        b'{"id": "%s", "id": "%s", "ok": {}}',
        b'{"id": "%s", "ok": {"x": ' + b"9" * 5000 + b"}}",
        b'{"id": "%s", "ok": {"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"id": "%s", "unfit": "\\ud800"}',
        b'{"id": "%s", "unfit": "\xff\xfe"}',
        b'\xef\xbb\xbf{"id": "%s", "ok": {}}',
        b'[{"id": "%s"}]',
        b'"%s"',
        b"",
    ]
)


def send(header, tensors=None):
    head = next(HEADS).replace(b"%s", header["id"].encode())
    LINE.sock.sendall(struct.pack(">IQ", len(head), 0) + head)


LINE.send = send
