"""The system calls that a submission may make: one policy, given as a BPF program or as an engine's JSON profile.

What is allowed is listed; what is listed as denied gives EPERM; anything else does not exist (ENOSYS), which is what
a C library expects of a call newer than itself. A call in a foreign architecture's numbering (i386 or x32 on x86-64)
ends the process.
"""

from __future__ import annotations

import errno
import functools
import os
from dataclasses import dataclass
from typing import Any, BinaryIO

# What a program without network needs: files, memory, processes and threads of its own, signals, clocks, waiting.
ALLOWED = """
accept accept4 access alarm arch_prctl brk capget chdir chmod clock_getres clock_gettime clock_nanosleep
close close_range copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fdatasync fgetxattr flistxattr fork
fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_robust_list
get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid
getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt
gettid gettimeofday getuid getxattr
kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listxattr llistxattr
lseek lstat membarrier mkdir mkdirat mlock mlock2 mlockall mprotect mremap mseal
msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv process_mrelease pselect6 pwrite64
pwritev read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages rename renameat
renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_yield select sendfile sendmmsg
sendmsg sendto set_robust_list set_thread_area set_tid_address setgid setgroups setitimer setpgid setregid
setresgid setresuid setreuid setrlimit setsid setsockopt setuid shutdown sigaltstack signalfd signalfd4 splice stat
statfs statx symlink symlinkat sync_file_range sysinfo tee tgkill time timer_create timer_delete
timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask
uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid waitpid write writev
""".split()  # noqa: SIM905 - a list of words reads better so

# Refused with EPERM, named one by one with the reason, so that they stay refused whatever else changes.
DENIED_FOR = {
    "the network: a socket that could be reached, or reach out": "bind connect listen",
    "keys of the kernel and of other users": "add_key keyctl request_key",
    "programs and probes in the kernel": "bpf perf_event_open userfaultfd lookup_dcookie",
    "a second way to every call, past this filter": "io_uring_enter io_uring_register io_uring_setup",
    "other processes' memory, descriptors and secrets": """
        kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace""",
    "new namespaces, and entering others": "setns unshare",
    "mounts and roots": """
        chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root umount umount2""",
    "files by handle, past the mounts": "name_to_handle_at open_by_handle_at",
    "devices": "mknod mknodat",
    "files of the whole machine": """
        fanotify_init fanotify_mark nfsservctl quotactl quotactl_fd swapoff swapon sync syncfs""",
    "modules and other kernels": "delete_module finit_module init_module kexec_file_load kexec_load reboot uselib",
    "the machine's clock, name, accounts and log": """
        acct adjtimex clock_adjtime clock_settime setdomainname sethostname settimeofday syslog vhangup""",
    "memory that no limit counts, or that lies elsewhere": """
        get_mempolicy mbind memfd_secret migrate_pages move_pages set_mempolicy set_mempolicy_home_node""",
    "shared memory, semaphores and queues, which outlive processes": """
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget
        semop semtimedop shmat shmctl shmdt shmget""",
    "more processors, or before others in turn": """
        sched_setaffinity sched_setattr sched_setparam sched_setscheduler""",
    "ports, segments and modes of old programs": "ioperm iopl modify_ldt personality vserver",
    "another user for files alone": "setfsgid setfsuid",
    "locks on, events of, and what is in memory of files that all sandboxes of a machine have": """
        cachestat flock inotify_add_watch inotify_init inotify_init1 inotify_rm_watch mincore""",
    "notes on files and folders, which outlive what they are attached to": """
        fremovexattr fsetxattr lremovexattr lsetxattr removexattr setxattr""",
}
DENIED = [name for names in DENIED_FOR.values() for name in names.split()]

ABSENT = ["clone3"]  # its flags lie in memory, out of a filter's sight; C libraries then use clone

LOW_32 = 0xFFFFFFFF  # the kernel looks at these bits of an int only, so the filter must not look at others
AF_UNIX = 1
# CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID, -NET; CLONE_NEWTIME is for unshare and clone3 alone.
NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
HARMLESS_IOCTLS = (
    0x5401,  # TCGETS: isatty
    0x5413,  # TIOCGWINSZ
    0x540F,  # TIOCGPGRP
    0x5410,  # TIOCSPGRP: a container's init tries it, and expects to hear that there is no terminal
    0x541B,  # FIONREAD
    0x5421,  # FIONBIO
    0x5450,  # FIONCLEX
    0x5451,  # FIOCLEX
)
REFUSED_IOCTLS = (
    0x5412,  # TIOCSTI: types into the terminal
    0x541C,  # TIOCLINUX
)
# F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_SETSIG, the F_OFD_ locks, F_SETLEASE, F_GETLEASE, F_NOTIFY: as above.
REFUSED_FCNTLS = (5, 6, 7, 8, 10, 36, 37, 38, 1024, 1025, 1026)
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETOWN, F_GETSIG, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, seals.
HARMLESS_FCNTLS = (0, 1, 2, 3, 4, 9, 11, 1030, 1031, 1032, 1033, 1034)


@dataclass(frozen=True)
class Rule:
    """Allow, or refuse, a call where (argument & mask) == value; where no rule of a call holds, it does not exist."""

    call: str
    argument: int
    mask: int
    value: int
    allow: bool = True
    zero: int | None = None  # an argument that is zero besides

    @property
    def conditions(self) -> list[tuple[int, int, int]]:
        """Give all that must hold, as (argument, mask, value)."""
        besides = [] if self.zero is None else [(self.zero, LOW_32, 0)]
        return [(self.argument, self.mask, self.value), *besides]


def only_zero(call: str, argument: int, zero: int | None = None) -> tuple[Rule, ...]:
    """Allow a call where an argument is zero, and refuse it with any other; of calls where another is zero besides."""
    return Rule(call, argument, LOW_32, 0, zero=zero), *never_other(call, argument, zero)


def never_other(call: str, argument: int, zero: int | None = None) -> tuple[Rule, ...]:
    """Refuse a call where an argument is not zero; of calls where another is zero besides."""
    return tuple(Rule(call, argument, 1 << bit, 1 << bit, allow=False, zero=zero) for bit in range(32))


def never(call: str, argument: int, flag: int) -> tuple[Rule, Rule]:
    """Allow a call without one flag, and refuse it with."""
    return Rule(call, argument, flag, 0), Rule(call, argument, flag, flag, allow=False)


CONDITIONAL = (
    Rule("socketpair", 0, LOW_32, AF_UNIX),  # a pair that is joined already; socket() itself stays denied
    *only_zero("prlimit64", 0),  # limits of one's own, not of the worker's parent, whose children inherit them
    *only_zero("setpriority", 1, zero=0),  # as well; whose, and of what: a process, not a group or a user
    *never_other("setpriority", 0),
    # Huge pages: the machine's own pool of them, which no limit on memory counts.
    *never("memfd_create", 1, 0x4),  # MFD_HUGETLB
    *never("mmap", 3, 0x40000),  # MAP_HUGETLB
    *never("seccomp", 1, 0x8),  # SECCOMP_FILTER_FLAG_NEW_LISTENER: a process that answers the calls of another
    Rule("clone", 0, sum(NEW_NAMESPACES), 0),
    *(Rule("clone", 0, flag, flag, allow=False) for flag in NEW_NAMESPACES),
    *(Rule("ioctl", 1, LOW_32, value) for value in HARMLESS_IOCTLS),
    *(Rule("ioctl", 1, LOW_32, value, allow=False) for value in REFUSED_IOCTLS),
    # What is in memory of files that all sandboxes have: neither put out nor asked for.
    *(Rule("fadvise64", 3, LOW_32, value, allow=value != 4) for value in range(6)),  # 4: POSIX_FADV_DONTNEED
    *(Rule("madvise", 2, LOW_32, value, allow=value not in (20, 21)) for value in (*range(5), *range(8, 26))),
    *(rule for call in ("preadv2", "pwritev2") for rule in only_zero(call, 5)),
    *(Rule("fcntl", 1, LOW_32, value) for value in HARMLESS_FCNTLS),
    *(Rule("fcntl", 1, LOW_32, value, allow=False) for value in REFUSED_FCNTLS),
)
REFUSED = [*DENIED, "socket"]


def write_bpf(file: BinaryIO) -> None:
    """Write the policy as a BPF program for this machine's own architecture."""
    import pyseccomp as libseccomp

    program = libseccomp.SyscallFilter(libseccomp.ERRNO(errno.ENOSYS))
    for names, action in (
        (ALLOWED, libseccomp.ALLOW),
        (REFUSED, libseccomp.ERRNO(errno.EPERM)),
    ):
        for name in names:
            _add(program, action, name)
    for rule in CONDITIONAL:
        conditions = (libseccomp.Arg(at, libseccomp.MASKED_EQ, mask, value) for at, mask, value in rule.conditions)
        _add(program, libseccomp.ALLOW if rule.allow else libseccomp.ERRNO(errno.EPERM), rule.call, *conditions)
    program.export_bpf(file)


def _add(program: Any, action: int, name: str, *conditions: Any) -> None:
    import pyseccomp as libseccomp

    # A name that this libseccomp or architecture lacks is left to the default: it does not exist.
    if libseccomp.resolve_syscall(libseccomp.Arch.NATIVE, name) >= 0:
        program.add_rule(action, name, *conditions)


@functools.cache
def bpf() -> bytes:
    with os.fdopen(os.memfd_create("seccomp"), "w+b") as file:
        write_bpf(file)
        file.seek(0)
        return file.read()


def profile() -> dict[str, Any]:
    """Give the policy in the form of an engine's --security-opt seccomp=FILE."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.ENOSYS,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": [
            {"names": ALLOWED, "action": "SCMP_ACT_ALLOW"},
            {"names": REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
            {"names": ABSENT, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
            *(_in_profile(rule) for rule in CONDITIONAL),
        ],
    }


def _in_profile(rule: Rule) -> dict[str, Any]:
    conditions = [
        {"index": at, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
        for at, mask, value in rule.conditions
    ]
    action = {"action": "SCMP_ACT_ALLOW"} if rule.allow else {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
    return {"names": [rule.call], "args": conditions, **action}
