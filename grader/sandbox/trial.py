"""A program that `grader doctor` runs inside a sandbox: it tries to break each promise, and says what it managed.

Its text is carried in, and it stands alone. It writes one line of JSON: promise -> what worked that should not. Then it
does what it is told, a word a line: `torch` imports it and says its version; `memory` starts a child that takes so many
MiB, and says how that ended; `stay` ignores every polite signal, starts a grandchild that does so too, and waits.
"""

import contextlib
import ctypes
import errno
import functools
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SCRATCH = ("/tmp", "/dev/shm", "/submission")
SECRETS = ("/etc/shadow", "/root", "/home", "/var/run/docker.sock", "/run/docker.sock", "/proc/kcore", "/proc/kmsg")
FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38, "vsock": 40}
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
# name -> number on x86-64, on AArch64, arguments
CALLS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "io_uring_setup": (425, 425, (4, 0)),
    "keyctl": (250, 219, (0, -3, 0)),
    "bpf": (321, 280, (5, 0, 72)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "userfaultfd": (323, 282, (1,)),
    "ptrace": (101, 117, (2, 1, 0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "open_by_handle_at": (304, 265, (0, 0, 0)),
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "finit_module": (313, 273, (0, 0, 0)),
    "setns": (308, 268, (0, 0)),
    "personality": (135, 92, (0,)),
}
REFUSALS = {errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT}
libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *args: int) -> int:
    """Make a system call: 0 where it worked, else its error."""
    ctypes.set_errno(0)
    done = libc.syscall(number, *(ctypes.c_long(arg) for arg in args))
    return ctypes.get_errno() if done < 0 else 0


def works(action: Callable[[], object]) -> bool:
    try:
        action()
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return True


def status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def network() -> list[str]:
    found = [name for name, family in FAMILIES.items() if works(functools.partial(socket.socket, family, 1))]
    with contextlib.suppress(OSError):
        names = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
        found += [f"interface {name}" for name in names if name != "lo"]
    return found


def files() -> list[str]:
    places = [path for path in Path("/").iterdir() if path.is_dir() and str(path) not in SCRATCH] + [Path("/")]
    places += [Path("/opt/grader"), Path("/opt/site"), Path("/opt/venv"), Path("/dev"), Path("/proc/sys/kernel")]
    found = [f"wrote {path}" for path in places if works((path / "new").touch)]
    devices = [path for path in Path("/dev").iterdir() if path.is_char_device()]
    found += [f"changed {path}" for path in devices if works(functools.partial(os.utime, path, (1, 1)))]
    for path in SECRETS:
        with contextlib.suppress(OSError):
            if any(Path(path).iterdir()) if Path(path).is_dir() else Path(path).read_bytes()[:1]:
                found.append(f"read {path}")
    return found


def identity() -> list[str]:
    mine = status()
    found = [f"{name} {mine[name]}" for name in ("Uid", "Gid", "Groups") if set(mine[name].split()) - {"65534"}]
    if mine["NoNewPrivs"] != "1":
        found.append("rights can be gained")
    return found + (["became root"] if works(lambda: os.setuid(0)) else [])


def capabilities() -> list[str]:
    found = [f"{name} {status()[name]}" for name in SETS if int(status()[name], 16)]
    asked: dict[str, Callable[[], object]] = {
        "chown": lambda: os.chown("/tmp", 0, 0),
        "chroot": lambda: os.chroot("/tmp"),
        "mknod": lambda: os.mknod("/tmp/device", 0o60600, 0),
        "nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
        "sethostname": lambda: socket.sethostname("x"),
    }
    return found + [name for name, action in asked.items() if works(action)]


def system_calls() -> list[str]:
    arm = os.uname().machine == "aarch64"
    answers = {name: call(b if arm else a, *arguments) for name, (a, b, arguments) in CALLS.items()}
    found = [f"{name}: {errno.errorcode.get(said, said)}" for name, said in answers.items() if said not in REFUSALS]
    return found + ([] if status()["Seccomp"] == "2" else ["no filter"])


def namespaces() -> list[str]:
    number = 97 if os.uname().machine == "aarch64" else 272  # unshare
    kinds = {"user": 0x10000000, "mount": 0x20000, "network": 0x40000000, "process": 0x20000000}
    return [name for name, flag in kinds.items() if call(number, flag) == 0]


def others() -> list[str]:
    pids = [path.name for path in Path("/proc").iterdir() if path.name.isdigit() and path.name != str(os.getpid())]
    found = [f"sees process {pid}" for pid in pids if pid != "1"]
    if os.getpid() != 1:
        found += [f"read /proc/1/{name}" for name in ("mem", "maps") if works(Path(f"/proc/1/{name}").read_bytes)]
    return found


def environment() -> list[str]:
    expected = {"HOME", "USER", "LOGNAME", "LANG", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PATH", "HOSTNAME", "PWD"}
    expected |= {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
    expected |= {"LD_LIBRARY_PATH", "LC_CTYPE", "PYTHON_VERSION", "PYTHON_SHA256", "GPG_KEY"}  # the last: python images
    found = [f"variable {name}" for name in os.environ if name not in expected]
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            found.append(f"open file {Path(f'/proc/self/fd/{number}').readlink()}")
    return found


def disk() -> list[str]:
    found = []
    for folder in SCRATCH:
        written = 0
        try:
            with Path(folder, "filler").open("wb", buffering=0) as file:
                while written < 256 << 20:
                    written += file.write(b"x" * (1 << 20))
            found.append(f"{folder} takes {written >> 20} MiB")
        except OSError:
            pass
        with contextlib.suppress(OSError):
            Path(folder, "filler").unlink()
    return found


def descriptors() -> list[str]:
    held: list[int] = []
    try:
        while len(held) < 100_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return []
    finally:
        for number in held:
            os.close(number)
    return [f"opened {len(held)} files"]


def processes(limit: int) -> list[str]:
    children: list[int] = []
    try:
        while len(children) < 4 * limit:
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return [f"started {len(children)}; the limit is {limit}"] if len(children) > limit else []


def processor() -> list[str]:
    count = len(os.sched_getaffinity(0))
    return [] if count == 1 else [f"may use {count} processors"]


def memory(mib: int) -> str:
    """Give how a child ended that takes so much memory: no more, or a machine without the limit would suffer."""
    pid = os.fork()
    if pid == 0:
        held: list[mmap.mmap] = []
        with contextlib.suppress(OSError, MemoryError):
            while len(held) * 16 < mib:
                held.append(mmap.mmap(-1, 1 << 24))
                held[-1].write(b"x" * (1 << 24))
        os._exit(0)
    how = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(how)).name if os.WIFSIGNALED(how) else "lived"


def stay(token: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600) # {token}"
    subprocess.Popen([sys.executable, "-I", "-c", code], start_new_session=True)
    while True:
        time.sleep(60)


def main() -> None:
    limit = int(sys.stdin.readline())
    tried: dict[str, Callable[[], list[str]]] = {
        "network": network,
        "files": files,
        "identity": identity,
        "capabilities": capabilities,
        "system calls": system_calls,
        "namespaces": namespaces,
        "processes of others": others,
        "environment": environment,
        "disk": disk,
        "descriptors": descriptors,
        "processes": lambda: processes(limit),
        "processor": processor,
    }
    print(json.dumps({name: action()[:5] for name, action in tried.items()}), flush=True)
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "memory":
            print(memory(int(value)), flush=True)
        elif word == "torch":
            import torch

            print(torch.__version__, flush=True)
        elif word == "stay":
            stay(value)


if __name__ == "__main__":
    main()
