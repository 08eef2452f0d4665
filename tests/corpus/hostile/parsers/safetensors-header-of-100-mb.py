# /// attack
# tries = "a payload whose header says that it has 100 MB"
# verdicts = { "matmul.forward" = "protocol_error" }
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
    head = json.dumps({"id": header["id"], "ok": {"requires_grad": True}}).encode()
    payload = struct.pack("<Q", 100_000_000) + b'{"C":' + b" " * 1000
    LINE.sock.sendall(struct.pack(">IQ", len(head), len(payload)) + head + payload)


LINE.send = send
