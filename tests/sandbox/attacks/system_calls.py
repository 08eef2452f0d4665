"""Make every forbidden system call and write down as JSON what each answers."""

import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import socket

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
answers = {}


def note(name, result):
    answers[name] = "worked" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))


def call(name, x86_64, aarch64, *args):
    number = aarch64 if ARM else x86_64
    if number is not None:
        ctypes.set_errno(0)
        note(name, libc.syscall(number, *(ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args)))


def call_in_child(name, x86_64, aarch64, *args):
    """Make a call that may duplicate this process."""
    pid = os.getpid()
    call(name, x86_64, aarch64, *args)
    if os.getpid() != pid:
        os._exit(0)


FAMILIES = {"inet": 2, "inet6": 10, "unix": 1, "netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38, "vsock": 40}
for family, number in {**FAMILIES, "xdp": 44}.items():
    kind = socket.SOCK_SEQPACKET if family == "alg" else socket.SOCK_RAW if family in ("netlink", "packet") else 1
    ctypes.set_errno(0)
    note(f"socket_{family}", libc.socket(number, kind, 0))
ctypes.set_errno(0)
note("socket_inet_datagram", libc.socket(2, 2, 0))
here, there = socket.socketpair()
answers["socketpair_unix"] = "worked" if here.send(b"x") == 1 and there.recv(1) == b"x" else "silent"

buffer = ctypes.create_string_buffer(256)
call("io_uring_setup", 425, 425, 4, buffer)
call("keyctl", 250, 219, 0, -3, 0)
call("add_key", 248, 217, b"user", b"name", b"data", 4, -2)
call("request_key", 249, 218, b"user", b"name", None, -2)
call_in_child("ptrace_attach", 101, 117, 16, os.getppid(), 0, 0)
call("ptrace_peek", 101, 117, 2, os.getppid(), 0, 0)
call("process_vm_readv", 310, 270, os.getpid(), buffer, 0, buffer, 0, 0)
call("process_vm_writev", 311, 271, os.getpid(), buffer, 0, buffer, 0, 0)
call("bpf", 321, 280, 5, buffer, 72)
call("perf_event_open", 298, 241, buffer, 0, -1, -1, 0)
call("userfaultfd", 323, 282, 1)
call("unshare_user", 272, 97, 0x10000000)
call("unshare_mount", 272, 97, 0x00020000)
call("setns", 308, 268, 0, 0)
call("connect", 42, 203, here.fileno(), b"\x01\x00/tmp/x\x00", 10)
call("setfsuid", 122, 151, 0)
call("clock_settime", 227, 112, 0, buffer)
call("sync", 162, 81)
call_in_child("clone_new_user", 56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
call_in_child("clone_new_network", 56, 220, 0x40000000 | signal.SIGCHLD, 0, 0, 0, 0)
call("mount", 165, 40, b"none", b"/tmp", b"tmpfs", 0, None)
call("umount", 166, 39, b"/tmp", 0)
call("fsopen", 430, 430, b"tmpfs", 0)
call("open_tree", 428, 428, -100, b"/tmp", 1)
call("move_mount", 429, 429, -100, b"/tmp", -100, b"/tmp", 0)
call("pivot_root", 155, 41, b"/tmp", b"/tmp")
call("chroot", 161, 51, b"/tmp")
call("name_to_handle_at", 303, 264, -100, b"/tmp", buffer, buffer, 0)
call("open_by_handle_at", 304, 265, 0, buffer, 0)
call("memfd_secret", 447, 447, 0)
call("memfd_create_of_huge_pages", 319, 279, b"m", 4)
call("mmap_of_huge_pages", 9, 222, 0, 1 << 21, 3, 0x40022, -1, 0)
call("seccomp_with_a_listener", 317, 277, 1, 8, bytes(16))
call("kexec_load", 246, 104, 0, 0, 0, 0)
call("init_module", 175, 105, buffer, 16, b"")
call("finit_module", 313, 273, 0, b"", 0)
call("personality", 135, 92, 0xFFFFFFFF)
call("sched_setaffinity", 203, 122, 0, 8, b"\xff" * 8)
call("sched_setscheduler", 144, 119, 0, 0, buffer)
call("pidfd_getfd", 438, 438, 0, 0, 0)
call("kcmp", 312, 272, os.getpid(), os.getpid(), 0, 0, 0)
call("mq_open", 240, 180, b"name", os.O_CREAT | os.O_RDWR, 0o600, 0)
call("shmget", 29, 194, 0, 4096, 0o1600)
call("msgget", 68, 186, 0, 0o1600)
call("sethostname", 170, 161, b"x", 1)
call("mknod_device", 133, None, b"/tmp/device", 0o60600, 0)
call("syslog", 103, 116, 3, buffer, 16)
call("reboot", 169, 142, 0, 0, 0, 0)
call("setxattr", 188, 5, b"/tmp", b"user.note", b"x", 1, 0)
call("flock", 73, 32, 1, 2)
call("inotify_init1", 294, 26, 0)
call("fadvise64_dontneed", 221, 223, 1, 0, 0, 4)
call("madvise_pageout", 28, 233, 0, 0, 21)
call("preadv2_of_what_is_in_memory", 327, 286, 0, buffer, 1, 0, 0, 8)
call("setpriority_of_the_parent", 141, 140, 0, 1, 3)
call("setpriority_of_a_group", 141, 140, 1, 0, 3)
call("setpriority_of_a_user", 141, 140, 2, 0, 3)
call("mincore", 27, 232, buffer, 4096, buffer)
call("fcntl_ofd_lock", 72, 25, 1, 37, buffer)
call("prlimit64_of_another", 302, 261, 4242, 7, buffer, buffer)
call("prlimit64_of_itself", 302, 261, os.getpid(), 7, None, buffer)
for name, request in {"tiocsti": 0x5412, "tiocsti_high_bits": 0x5412 | 1 << 32, "tioclinux": 0x541C}.items():
    call(f"ioctl_{name}", 16, 29, 0, request, buffer)


def dies_by(action):
    pid = os.fork()
    if pid == 0:
        action()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "worked"


def call_as_i386():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def call_as_x32():
    if libc.syscall(0x40000000 + 39) < 0:  # getpid
        os.kill(os.getpid(), signal.SIGSYS)  # no such call in this kernel, which is as good


if not ARM:
    answers["i386"] = dies_by(call_as_i386)
    answers["x32"] = dies_by(call_as_x32)
print(json.dumps(answers))
