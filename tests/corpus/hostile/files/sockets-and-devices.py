# /// attack
# tries = "a listening socket and, where it may, a device in place of parts"
# fails = ["matmul.*"]
# keeps = ["gpt.*"]
# slow = true
# ///
import os
import socket
import stat


def build(home):
    (home / "matmul.py").unlink()
    here = os.open(".", os.O_RDONLY)
    os.chdir(home)
    door = socket.socket(socket.AF_UNIX)
    door.bind("matmul.py")
    os.fchdir(here)
    os.close(here)
    door.close()
    try:
        os.mknod(home / "zero.py", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        pass
    return home
