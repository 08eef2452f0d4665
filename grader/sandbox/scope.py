"""Limits for bubblewrap by way of systemd, where a user may not make control groups but may ask for a scope."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from grader.models import Limits
from grader.sandbox import cgroup
from grader.sandbox.base import SPARE_PROCESSES

PROBE_S = 10
IN_SCOPE_WITHIN_S = 5.0
HOLDS = {"memory": "memory.max", "swap": "memory.swap.max", "processes": "pids.max"}
NEEDED = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # how systemd-run finds the user's own systemd


def prefix(limits: Limits) -> list[str] | None:
    """Give what to put before a command so that it runs in a scope with limits, or nothing where systemd gives none."""
    if not _works():
        return None
    return [
        *_systemd_run(),
        f"--property=MemoryMax={limits.memory_mib * 2**20}",
        "--property=MemorySwapMax=0",
        f"--property=TasksMax={limits.processes + SPARE_PROCESSES}",
        "--",
        *("/usr/bin/env", "-i", "PATH=/usr/bin:/bin"),
    ]


def environment() -> Mapping[str, str]:
    return {name: os.environ[name] for name in NEEDED if name in os.environ}


def find(pid: int) -> cgroup.Group | None:
    """Give the group of the scope that a process enters, once it is in; systemd takes it away by itself."""
    until = time.monotonic() + IN_SCOPE_WITHIN_S
    while time.monotonic() < until:
        meter = cgroup.of_process(pid, "/run-")
        if meter and meter.oom:
            folder = meter.oom.parent
            missing = [name for name, file in HOLDS.items() if _is_unlimited(folder / file)]
            return cgroup.Group((), meter, tuple(missing))
        time.sleep(0.005)
    return None


def _is_unlimited(file: Path) -> bool:
    try:
        return file.read_text().strip() == "max"
    except OSError:
        return True


def _systemd_run() -> list[str]:
    whose = [] if os.getuid() == 0 else ["--user"]
    return ["systemd-run", *whose, "--scope", "--quiet", "--collect"]


@functools.cache
def _works() -> bool:
    if shutil.which("systemd-run") is None or not Path("/run/systemd/system").is_dir():
        return False
    try:
        said = subprocess.run([*_systemd_run(), "--", "true"], capture_output=True, timeout=PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0
