# /// attack
# tries = "prints gigabytes on both outputs, at import and from a process that it leaves"
# docker = true
# ///
import os

if os.fork() == 0:
    os.setsid()
while True:
    os.write(1, b"x" * (1 << 16))
    os.write(2, b"\x1b[31m\n" * (1 << 10))
