# /// attack
# tries = "writes replies and chunks of its own to every open descriptor, before each answer"
# base = "blank"
# docker = true
# ///
import json
import os
import struct


def shout():
    header = json.dumps({"id": "0" * 16, "ok": {"verdict": "accepted"}}).encode()
    message = struct.pack(">IQ", len(header), 0) + header
    pieces = [message]
    pieces += [struct.pack(">cI", kind, len(message)) + message for kind in (b"D", b"L", b"X", b"R")]
    for number in range(3, 256):
        for data in pieces:
            try:
                os.set_blocking(number, False)
                os.write(number, data)
                os.set_blocking(number, True)
            except OSError:
                break


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        shout()
        return torch.zeros(*A.shape[:-1], B.shape[-1], dtype=A.dtype)

    @staticmethod
    def backward(ctx, dC):
        shout()
        return None, None


shout()
