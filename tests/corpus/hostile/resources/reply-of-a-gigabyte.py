# /// attack
# tries = "answers with 200 MiB, past what the worker itself would send, by its own line"
# verdicts = { "matmul.forward" = "output_limit" }
# slow = true
# ///
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


def send(header, tensors=None):
    head = json.dumps({"id": header["id"], "ok": {}}).encode()
    LINE.sock.sendall(struct.pack(">IQ", len(head), 200 << 20) + head)
    for _ in range(200):
        LINE.sock.sendall(b"\0" * (1 << 20))


LINE.send = send
