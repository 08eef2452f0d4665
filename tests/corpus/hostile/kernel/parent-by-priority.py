# /// attack
# tries = "makes the worker's parent as slow as it can: niceness, scheduling, processor and i/o priority"
# fails = []
# slow = true
# ///
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
try:
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
except OSError:
    pass
for call in (lambda: os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0)),
             lambda: os.sched_setaffinity(os.getppid(), {0})):
    try:
        call()
        print("WORKED", flush=True)
    except OSError:
        pass
LIBC.syscall(251, 1, os.getppid(), (3 << 13) | 7)
