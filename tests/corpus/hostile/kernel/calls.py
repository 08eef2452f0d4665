# /// attack
# tries = "ptrace, bpf, io_uring, keyctl, userfaultfd, perf, namespaces, mounts, process_vm and other calls, by number"
# base = "blank"
# docker = true
# ///
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
CALLS = {
    "ptrace": 101, "mount": 165, "umount2": 166, "reboot": 169, "init_module": 175, "add_key": 248, "keyctl": 250,
    "unshare": 272, "perf_event_open": 298, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425, "open_tree": 428, "fsopen": 430,
    "clone3": 435, "pidfd_getfd": 438, "memfd_secret": 447, "ioperm": 173, "iopl": 172, "syslog": 103,
    "personality": 135, "chroot": 161, "pivot_root": 155, "acct": 163, "settimeofday": 164, "swapon": 167,
}  # fmt: skip
for name, number in CALLS.items():
    if LIBC.syscall(number, os.getppid(), 0, 0, 0, 0, 0) >= 0:
        print("WORKED", name, flush=True)
