# /// attack
# tries = "stops the worker's parent, and lives on in its place"
# slow = true
# ///
import os
import signal
import time

os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(10**6)
