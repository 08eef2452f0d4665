# /// attack
# tries = "leaves state for the next section in System V and POSIX queues, semaphores and segments, and in abstract sockets"
# ///
import ctypes
import mmap
import os
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
print(LIBC.shmget(4242, 4096, 0o1666), LIBC.msgget(4242, 0o1666), LIBC.semget(4242, 1, 0o1666))
try:
    LIBC.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o666, None)
except AttributeError:
    pass
for path in ("/dev/shm/left", "/tmp/left", "/dev/mqueue/left"):
    try:
        with open(path, "wb") as file:
            file.write(b"x" * 4096)
    except OSError:
        pass
try:
    socket.socket(socket.AF_UNIX).bind(b"\0left")
except OSError:
    pass
raise SystemExit
