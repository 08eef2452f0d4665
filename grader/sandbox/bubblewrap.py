"""The sandbox that needs neither a daemon nor an image: Linux namespaces, set up by bwrap in milliseconds."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from grader.errors import HarnessError, SandboxLost, UsageError
from grader.models import Limits
from grader.sandbox import cgroup, cpus, devices, environment, promises, scope, seccomp
from grader.sandbox.base import (
    ENVIRONMENT,
    INSIDE_PACKAGE,
    INSIDE_UID,
    OPEN_FILES,
    SHM_MIB,
    SPARE_PROCESSES,
    Progress,
    Usage,
    command,
    submission_bytes,
    worker_files,
)
from grader.sandbox.pipes import Pipes

INSTALL = "install it (Debian, Ubuntu: apt-get install bubblewrap) or use --sandbox docker"
# A process takes its rlimits ($1 open files) and enters its control groups ($2 of them) before it becomes bwrap.
ENTER = """
ulimit -c 0 && ulimit -n "$1" || exit 70
shift; n=$1; shift
while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 70; shift; n=$((n - 1)); done
exec "$@"
"""

INSIDE_PRLIMIT = "/opt/prlimit"
# What container engines hide, and what else only root may read.
MASKED_PROC = (
    "acpi", "asound", "config.gz", "driver", "dynamic_debug", "fs", "interrupts", "iomem", "ioports", "kallsyms",
    "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "latency_stats", "modules",
    "pagetypeinfo", "partitions", "sched_debug", "schedstat", "scsi", "slabinfo", "timer_list", "timer_stats",
    "vmallocinfo",
)  # fmt: skip

# bwrap's --die-with-parent follows the thread that started it, not the process. This one lives as long as we do.
_starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")


class BubblewrapSandbox:
    """Walls made by bwrap."""

    name = "bubblewrap"

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise UsageError("bubblewrap exists on Linux only; use --sandbox docker")
        found = shutil.which("bwrap")
        if found is None:
            raise UsageError(f"bubblewrap is not here: no bwrap on the path; {INSTALL}")
        self._bwrap = found
        # Counted inside the sandbox's own user namespace, so that other processes of this user do not count.
        self._prlimit = shutil.which("prlimit")

    def prepare(self, progress: Progress) -> None:
        if swept := self.sweep():
            progress(f"swept {swept} control groups that dead runs left")
        environment.packages()
        try:
            seccomp.bpf()
        except (ImportError, RuntimeError, OSError) as error:
            raise HarnessError(
                f"system calls cannot be filtered: {error}; install libseccomp (Debian, Ubuntu: apt-get install "
                "libseccomp2) and the Python package pyseccomp, or use --sandbox docker"
            ) from error

    def sweep(self) -> int:
        return cgroup.sweep()

    def open(self, limits: Limits, program: str | None = None) -> BubblewrapRoom:
        group = cgroup.create(limits)
        seat = cpus.take_seat()
        try:
            in_scope = None if group else scope.prefix(limits)
            process = self._spawn(limits, program, group.doors if group else (), in_scope, seat)
            return BubblewrapRoom(process, scope.find(process.pid) if in_scope else group, seat)
        except BaseException as error:
            if group:
                group.remove()
            seat.close()
            if isinstance(error, OSError):
                raise HarnessError(f"bubblewrap could not be started: {error}; see `grader doctor`") from error
            raise

    def _spawn(
        self, limits: Limits, program: str | None, doors: Sequence[str], in_scope: list[str] | None, seat: cpus.Seat
    ) -> subprocess.Popen[bytes]:
        with _sealed(seccomp.bpf()) as rules, _sealed(_nul_separated(self._walls(limits))) as walls:
            walls_fd, rules_fd = walls.fileno(), rules.fileno()
            argv = ["/bin/sh", "-c", ENTER, "sh", str(OPEN_FILES), str(len(doors)), *doors, *(in_scope or ())]
            argv += [self._bwrap, "--args", str(walls_fd), "--seccomp", str(rules_fd)]
            if not doors and not in_scope and self._prlimit:
                argv += [INSIDE_PRLIMIT, f"--nproc={limits.processes + SPARE_PROCESSES}"]
            argv += [environment.interpreter()[0], *command(program)]
            return _starter.submit(_start, argv, (walls_fd, rules_fd), seat.number).result()

    def _walls(self, limits: Limits) -> list[str]:
        """Give bwrap's arguments: what is inside, and how little of it can be changed."""
        _, interpreter = environment.interpreter()
        args = ["--unshare-user", "--unshare-all", "--disable-userns", "--cap-drop", "ALL"]
        args += ["--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--hostname", "sandbox"]
        # No init of bwrap's own: it would hold our pipe open for anybody of its user to open anew through /proc.
        args += ["--die-with-parent", "--new-session", "--clearenv", "--as-pid-1"]
        for name, value in (ENVIRONMENT | {"PATH": f"{environment.PYTHON}/bin:/usr/bin"}).items():
            args += ["--setenv", name, value]
        args += interpreter
        args += environment.packages()
        for name, path in worker_files().items():
            args += ["--ro-bind", str(path), f"{INSIDE_PACKAGE}/{name}"]
        if self._prlimit:
            args += ["--ro-bind", self._prlimit, INSIDE_PRLIMIT]
        args += ["--proc", "/proc", *_masked_proc(), "--remount-ro", "/proc", "--dev", "/dev"]
        for folder, size in (
            ("/dev/shm", SHM_MIB * 2**20),
            ("/tmp", limits.tmp_mib * 2**20),
            ("/submission", submission_bytes(limits)),
        ):
            args += ["--size", str(size), "--perms", "0755" if folder == "/submission" else "1777", "--tmpfs", folder]
        for node, place in devices.to_bind() or ():
            args += ["--dev-bind", node, place]
        return [*args, "--chdir", "/tmp", *(x for top in ("/dev/pts", "/dev", "/") for x in ("--remount-ro", top))]


class BubblewrapRoom:
    """One running bwrap."""

    image: str | None = None
    runtime: str | None = None

    def __init__(self, process: subprocess.Popen[bytes], group: cgroup.Group | None, seat: cpus.Seat) -> None:
        self._process, self._group, self._seat = process, group, seat
        self._usage: Usage | None = None
        self._closing = False
        assert process.stdin and process.stdout and process.stderr
        streams = (process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno())
        self._pipes = Pipes(*streams, self._how_it_ended)
        self.best_effort = _best_effort(group)

    def send(self, data: bytes, deadline: float) -> None:
        self._pipes.send(data, deadline)

    def receive(self, deadline: float) -> bytes:
        return self._pipes.receive(deadline)

    def broken(self) -> tuple[str, ...]:
        return promises.broken(self._process.pid)

    def usage(self) -> Usage:
        if self._usage is not None:
            return self._usage
        return self._group.meter.read() if self._group else Usage(None, None)

    def close(self) -> None:
        if self._usage is not None:
            return
        self._closing = True
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._usage = self.usage()
        if self._group:
            self._group.remove()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._seat.close()

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "the worker closed its stream"
        if code < 0 and not self._closing and not self.usage().oom_kills:
            # Nobody inside can see this process, let alone send it a signal.
            raise SandboxLost(f"the sandbox was killed from outside, by signal {-code}; see the system's log")
        return f"the sandbox ended with status {code}"


def _best_effort(group: cgroup.Group | None) -> tuple[str, ...]:
    missing = group.missing if group else ("memory", *(("swap",) if cgroup.machine_swaps() else ()), "processes")
    # The kernel never counts root's processes.
    instead = "nothing instead, because root runs it" if os.getuid() == 0 else "a limit on this sandbox's user instead"
    words = {
        "memory": "memory: no control group here; a limit on each process's data instead",
        "swap": "swap: this kernel cannot forbid it to one sandbox",
        "processes": f"processes: no control group here; {instead}",
        "files": "files: mode and times of this machine's devices can be changed; run as an ordinary user",
    }
    if devices.to_bind() is None:
        missing = (*missing, "files")
    return tuple(words[name] for name in missing)


def _masked_proc() -> list[str]:
    """Hide what tells of the host: run by root, bwrap's inside is still uid 0 to the files in /proc."""
    args: list[str] = []
    for name in MASKED_PROC:
        path = Path("/proc") / name
        if path.is_dir():
            args += ["--size", "4096", "--perms", "0555", "--tmpfs", str(path), "--remount-ro", str(path)]
        elif path.exists():
            args += ["--ro-bind", "/dev/null", str(path)]  # a device on a mount without devices: cannot be opened
    return args


def _start(argv: list[str], pass_fds: tuple[int, ...], cpu: int | None) -> subprocess.Popen[bytes]:
    if cpu is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})  # of this thread, and so of what it starts; seccomp keeps it so
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=pass_fds,
        # Init inside keeps the environment it was started with, for all to read.
        env={"PATH": "/usr/bin:/bin", **(scope.environment() if "systemd-run" in argv else {})},
        cwd="/",
        start_new_session=True,  # Ctrl-C at the terminal is ours to handle
    )


def _sealed(data: bytes) -> IO[bytes]:
    """Give a file without a name that holds data, at its start."""
    file = os.fdopen(os.memfd_create("sealed"), "w+b")  # in memory: a full disk keeps no sandbox from starting
    file.write(data)
    file.flush()
    file.seek(0)
    return file


def _nul_separated(args: list[str]) -> bytes:
    return b"".join(os.fsencode(arg) + b"\0" for arg in args)
