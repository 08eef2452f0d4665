# /// attack
# tries = "says that the header of its reply has 4 GiB, and starts to send it"
# verdicts = { "matmul.forward" = "protocol_error" }
# slow = true
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
LINE.send = lambda header, tensors=None: LINE.sock.sendall(struct.pack(">IQ", 2**32 - 1, 0) + b" " * (32 << 20))
