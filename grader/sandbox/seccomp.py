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

ALLOWED = """
accept accept4 access alarm arch_prctl brk cachestat capget chdir chmod clock_getres clock_gettime clock_nanosleep
close close_range copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fsetxattr
fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_robust_list
get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid
getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt
gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listxattr llistxattr
lseek lstat madvise membarrier memfd_create mincore mkdir mkdirat mlock mlock2 mlockall mmap mprotect mremap mseal
msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pwrite64
pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages rename renameat
renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_yield seccomp select sendfile sendmmsg
sendmsg sendto set_robust_list set_thread_area set_tid_address setgid setgroups setitimer setpgid setpriority setregid
setresgid setresuid setreuid setrlimit setsid setsockopt setuid shutdown sigaltstack signalfd signalfd4 splice stat
statfs statx symlink symlinkat sync_file_range sysinfo tee tgkill time timer_create timer_delete
timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask
uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid waitpid write writev
""".split()  # noqa: SIM905 - a list of words reads better so

# Named one by one, so that they are refused whatever else changes, and with a word that says so.
DENIED = """
acct add_key adjtimex bind bpf chroot clock_adjtime clock_settime connect delete_module fanotify_init fanotify_mark
finit_module fsconfig fsmount fsopen fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup
ioperm iopl kcmp kexec_file_load kexec_load keyctl listen lookup_dcookie mbind memfd_secret migrate_pages mknod mknodat
modify_ldt mount mount_setattr move_mount move_pages mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
mq_unlink msgctl msgget msgrcv msgsnd name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open
personality pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace quotactl quotactl_fd reboot
request_key sched_setaffinity sched_setattr sched_setparam sched_setscheduler semctl semget semop semtimedop
set_mempolicy set_mempolicy_home_node setdomainname setfsgid setfsuid sethostname setns settimeofday shmat shmctl shmdt
shmget swapoff swapon sync syncfs syslog umount umount2 unshare userfaultfd uselib vhangup vserver
""".split()  # noqa: SIM905

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
            {"names": REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
            {"names": ABSENT, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
            *(_in_profile(rule) for rule in CONDITIONAL),
        ],
    }


def _in_profile(rule: Rule) -> dict[str, Any]:
    condition = {"index": rule.argument, "value": rule.mask, "valueTwo": rule.value, "op": "SCMP_CMP_MASKED_EQ"}
    action = {"action": "SCMP_ACT_ALLOW"} if rule.allow else {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
    return {"names": [rule.call], "args": [condition], **action}
