# /// attack
# tries = "a file under sixteen folders whose names are as long as they may be: no path that long can be opened"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# docker = true
# ///
import os


def build(home):
    here = os.open(".", os.O_RDONLY)
    os.chdir(home)
    for _ in range(16):
        os.mkdir("d" * 255)
        os.chdir("d" * 255)
    with open("x" * 252 + ".py", "w") as file:
        file.write("pass\n")
    os.fchdir(here)
    os.close(here)
    return home
