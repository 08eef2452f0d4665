# /// attack
# tries = "kills the worker's parent and everything else it may signal"
# docker = true
# ///
import os
import signal

os.kill(os.getppid(), signal.SIGKILL)
os.kill(-1, signal.SIGKILL)
