# /// attack
# tries = "takes memory in many processes, each of which stays below what one may have"
# slow = true
# ///
import os
import time

for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(b"\1" * (300 << 20))
        time.sleep(10**6)
time.sleep(1.5)
raise SystemExit(1)
