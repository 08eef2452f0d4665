# /// attack
# tries = "takes memory without end, a megabyte at a time, and writes to it"
# docker = true
# ///
KEPT = []
while True:
    KEPT.append(bytearray(b"\1" * (1 << 24)))
