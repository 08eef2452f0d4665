# /// attack
# tries = "forks until it may not, leaves the children, and fails at once"
# slow = true
# ///
import os
import time

try:
    while True:
        if os.fork() == 0:
            time.sleep(10**6)
except OSError:
    raise SystemExit(1) from None
