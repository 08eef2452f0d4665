# /// attack
# tries = "leaves a process that makes files in the scratch folders while the next section's are laid out"
# slow = true
# ///
import os
import signal

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            for top in ("/tmp", "/dev/shm", "/submission"):
                try:
                    os.mkdir(f"{top}/{os.urandom(4).hex()}", 0o000)
                except OSError:
                    pass
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
