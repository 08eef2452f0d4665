# /// attack
# tries = "stops itself, and has a grandchild keep the line open"
# verdicts = { "matmul.forward" = "time_limit" }
# ///
import os
import signal
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(10**6)
    os._exit(0)
os.kill(os.getpid(), signal.SIGSTOP)
