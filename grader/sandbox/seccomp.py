"""The system calls that a submission may make: one policy, given as a BPF program or as an engine's JSON profile.

What is allowed is listed; what is listed as denied gives EPERM; anything else does not exist (ENOSYS), which is what
a C library expects of a call newer than itself. A call in a foreign
architecture's numbering (i386 or x32 on x86-64) ends the process.
"""

from __future__ import annotations

import errno
import functools
import os
from dataclasses import dataclass
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Group:
    """Calls of one kind, and why they are allowed or denied."""

    name: str
    why: str
    calls: tuple[str, ...]


def _group(name: str, why: str, calls: str) -> Group:
    return Group(name, why, tuple(calls.split()))


ALLOWED_GROUPS = (
    _group(
        "files",
        "what may be opened and changed is decided by the mounts and by ordinary permissions",
        """
        access cachestat chdir chmod close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
        fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock
        fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch
        inotify_init inotify_init1 inotify_rm_watch lchown lgetxattr link linkat listxattr llistxattr lseek lstat mkdir
        mkdirat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink
        readlinkat readv rename renameat renameat2 rmdir sendfile splice stat statfs statx symlink symlinkat
        sync_file_range tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev
        """,
    ),
    _group(
        "memory",
        "its own; the control group counts all of it",
        """
        brk madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap mseal msync munlock
        munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages
        """,
    ),
    _group(
        "processes and threads",
        "torch starts threads, the worker forks; a limit counts both. clone stands below, with its flags",
        """
        arch_prctl execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
        get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid
        gettid pidfd_open prctl prlimit64 rseq sched_get_priority_max sched_get_priority_min sched_getaffinity
        sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_yield set_robust_list
        set_thread_area set_tid_address setpgid setpriority setrlimit setsid times vfork wait4 waitid waitpid
        """,
    ),
    _group(
        "signals",
        "they reach the sandbox's own processes only",
        """
        kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
        rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill
        """,
    ),
    _group(
        "waiting and pipes",
        "asyncio, subprocess and the worker's relay wait on many descriptors at once",
        """
        epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
        eventfd2 pipe pipe2 poll ppoll pselect6 select
        """,
    ),
    _group(
        "a joined pair of sockets",
        "socketpair gives one (below); without socket, bind and listen none leads anywhere else",
        """
        accept accept4 getpeername getsockname getsockopt recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt
        shutdown
        """,
    ),
    _group(
        "time",
        "reading it and waiting; verdicts use the host's clock",
        """
        alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create
        timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
        """,
    ),
    _group(
        "identity, and facts of the machine",
        "there is one user and no capability, so nothing can be gained; more can be given up",
        """
        capget getegid geteuid getgid getgroups getrandom getresgid getresuid getuid landlock_add_rule
        landlock_create_ruleset landlock_restrict_self seccomp setgid setgroups setregid setresgid setresuid setreuid
        setuid sysinfo uname
        """,
    ),
)

# Named one by one, so that they are refused whatever else changes, and with a word that says so.
DENIED_GROUPS = (
    _group(
        "sockets",
        "no family has a use here: TCP, DNS, metadata addresses, unix, netlink, AF_ALG and AF_VSOCK, which knows no "
        "network namespace",
        "bind connect listen socket",
    ),
    _group(
        "io_uring",
        "does its work past this filter, and has been a rich source of ways into the kernel",
        "io_uring_enter io_uring_register io_uring_setup",
    ),
    _group("keys", "keyrings are shared beyond a sandbox and hold secrets", "add_key keyctl request_key"),
    _group(
        "tracing",
        "reads or changes another process: the worker's parent keeps its state and descriptors to itself",
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    ),
    _group(
        "watching the kernel",
        "programs in the kernel, counters and traces show other processes and are a wide surface",
        "bpf fanotify_init fanotify_mark lookup_dcookie perf_event_open syslog",
    ),
    _group(
        "help for exploits",
        "stops the kernel at a chosen point, hides memory from it, or brings back rarely used old code",
        "memfd_secret modify_ldt nfsservctl personality uselib userfaultfd vserver",
    ),
    _group(
        "namespaces",
        "a new user namespace would give capabilities inside it, and with them the kernel's less tested half",
        "setns unshare",
    ),
    _group(
        "mounts",
        "what can be seen and written is a matter of mounts",
        """
        chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root umount umount2
        """,
    ),
    _group(
        "files by number",
        "opens a file by its place on the disk, past every mount in the way",
        "name_to_handle_at open_by_handle_at",
    ),
    _group("devices", "device files and the machine's ports", "ioperm iopl mknod mknodat"),
    _group(
        "the machine",
        "modules, another kernel, swap, accounting, quotas, terminals, its name: root's affairs, also where a "
        "capability was left by mistake",
        """
        acct delete_module finit_module init_module kexec_file_load kexec_load quotactl quotactl_fd reboot
        setdomainname sethostname swapoff swapon vhangup
        """,
    ),
    _group("clocks", "others live by them", "adjtimex clock_adjtime clock_settime settimeofday"),
    _group(
        "identity for files",
        "a second user, for files alone, that nothing needs",
        "setfsgid setfsuid",
    ),
    _group(
        "System V and message queues",
        "memory and messages that outlive their process and stand outside the sized folders",
        """
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl
        semget semop semtimedop shmat shmctl shmdt shmget
        """,
    ),
    _group(
        "processors and memory nodes",
        "leaves the processor that the sandbox was given, or disturbs what is timed beside it",
        """
        get_mempolicy mbind migrate_pages move_pages sched_setaffinity sched_setattr sched_setparam sched_setscheduler
        set_mempolicy set_mempolicy_home_node
        """,
    ),
    _group("flushing disks", "makes the whole machine wait for its disks", "sync syncfs"),
)
ALLOWED = [name for group in ALLOWED_GROUPS for name in group.calls]
DENIED = [name for group in DENIED_GROUPS for name in group.calls]

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


@dataclass(frozen=True)
class Rule:
    """Allow, or refuse, a call where (argument & mask) == value; where no rule of a call holds, it does not exist."""

    call: str
    argument: int
    mask: int
    value: int
    allow: bool = True


CONDITIONAL = (
    Rule("socketpair", 0, LOW_32, AF_UNIX),  # a pair that is joined already; socket() itself stays denied
    Rule("clone", 0, sum(NEW_NAMESPACES), 0),
    *(Rule("clone", 0, flag, flag, allow=False) for flag in NEW_NAMESPACES),
    *(Rule("ioctl", 1, LOW_32, value) for value in HARMLESS_IOCTLS),
    *(Rule("ioctl", 1, LOW_32, value, allow=False) for value in REFUSED_IOCTLS),
)


def write_bpf(file: BinaryIO) -> None:
    """Write the policy as a BPF program for this machine's own architecture."""
    import pyseccomp as libseccomp

    program = libseccomp.SyscallFilter(libseccomp.ERRNO(errno.ENOSYS))
    for names, action in (
        (ALLOWED, libseccomp.ALLOW),
        (DENIED, libseccomp.ERRNO(errno.EPERM)),
    ):
        for name in names:
            _add(program, action, name)
    for rule in CONDITIONAL:
        condition = libseccomp.Arg(rule.argument, libseccomp.MASKED_EQ, rule.mask, rule.value)
        _add(program, libseccomp.ALLOW if rule.allow else libseccomp.ERRNO(errno.EPERM), rule.call, condition)
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
            {"names": DENIED, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
            {"names": ABSENT, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
            *(_in_profile(rule) for rule in CONDITIONAL),
        ],
    }


def _in_profile(rule: Rule) -> dict[str, Any]:
    condition = {"index": rule.argument, "value": rule.mask, "valueTwo": rule.value, "op": "SCMP_CMP_MASKED_EQ"}
    action = {"action": "SCMP_ACT_ALLOW"} if rule.allow else {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
    return {"names": [rule.call], "args": [condition], **action}
