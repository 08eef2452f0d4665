# /// attack
# tries = "says that its reply has 2^63 bytes"
# verdicts = { "matmul.forward" = "output_limit" }
# ///
import struct
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
LINE.send = lambda header, tensors=None: LINE.sock.sendall(struct.pack(">IQ", 2, 2**63) + b"{}")
