# /// attack
# tries = "folders nested 1,000 deep"
# rejected = true
# ///
import os


def build(home):
    here = os.open(".", os.O_RDONLY)
    os.chdir(home)
    for _ in range(1000):
        os.mkdir("d")
        os.chdir("d")
    os.fchdir(here)
    os.close(here)
    return home
