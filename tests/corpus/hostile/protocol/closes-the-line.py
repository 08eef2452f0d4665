# /// attack
# tries = "closes its end of the line and lives on"
# slow = true
# ///
import sys
import time


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"]
        frame = frame.f_back


LINE = line()
LINE.sock.close()
time.sleep(10**6)
