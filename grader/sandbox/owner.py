"""Whose trace is this: marks by which a sweeper tells what a dead run left from what belongs to a live one."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path

PREFIX = "grader"


@dataclass(frozen=True)
class Owner:
    """One process, told apart from every other that ever had its number."""

    host: str
    user: str
    boot: str
    pid_namespace: str
    pid: str
    started: str

    def marks(self) -> dict[str, str]:
        return asdict(self)

    def is_dead(self) -> bool:
        """Tell whether this process of ours has surely ended: what belongs to others, or may live, is not dead."""
        here = this_process()
        if (self.host, self.user) != (here.host, here.user):
            return False
        if self.boot != here.boot:
            return True
        return self.pid_namespace == here.pid_namespace and _started(self.pid) != self.started


@functools.cache
def _this_process(pid: int) -> Owner:
    return Owner(_word(platform.node()), str(os.getuid()), _boot(), _pid_namespace(), str(pid), _started(str(pid)))


def this_process() -> Owner:
    return _this_process(os.getpid())


def new_name() -> str:
    """Give a name that nothing else has and that tells whose it is."""
    return ".".join([PREFIX, *this_process().marks().values(), uuid.uuid4().hex[:8]])


def of_name(name: str) -> Owner | None:
    """Give the owner that a name tells of, or nothing where it is no name of ours."""
    prefix, *marks = name.split(".")
    return Owner(*marks[:-1]) if prefix == PREFIX and len(marks) == len(fields(Owner)) + 1 else None


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", text) or "none"


def _boot() -> str:
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    said = subprocess.run(["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False)
    return _word(said.stdout.strip()[:8])


def _pid_namespace() -> str:
    return str(os.stat("/proc/self/ns/pid").st_ino) if sys.platform == "linux" else "0"  # noqa: PTH116 - a magic link


def _started(pid: str) -> str:
    """Give when the process with this number started, or nothing where there is none."""
    if sys.platform == "linux":
        try:
            # Field 22; the second one, the name, is in brackets and may hold blanks and brackets itself.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    said = subprocess.run(["ps", "-o", "lstart=", "-p", pid], capture_output=True, text=True, check=False)
    return _word(said.stdout.strip()) if said.stdout.strip() else ""
