# /// attack
# tries = "opens descriptors until there are none, in itself and in children, and hangs on to them"
# slow = true
# ///
import os
import time

KEPT = []
try:
    while True:
        KEPT.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
time.sleep(0.2)
raise SystemExit(1)
