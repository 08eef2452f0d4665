"""How many submissions this machine can grade at once: by its processors, and by the memory that their limits allow."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from grader.models import Limits

JUDGE_MIB = 640
SANDBOXES = 2  # of one submission: its parts, and its tests
# Of all that runs here, as the kernel tells it inside a container; v2 and v1.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def at_most(limits: Limits) -> tuple[int, str]:
    """Give the number of submissions, at least 1, and what bounds it."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    each = SANDBOXES * limits.memory_mib + JUDGE_MIB
    free = available_mib()
    if free is not None and free // each < cores:
        said = f"{free:,} MiB are free, and each may take {each:,} (limits.memory_mib is {limits.memory_mib:,})"
        return max(1, free // each), said
    return cores, f"there are {cores} processors" if cores > 1 else "there is one processor"


def available_mib(meminfo: Path = Path("/proc/meminfo"), limits: tuple[Path, ...] = MEMORY_LIMITS) -> int | None:
    """Give the memory that can still be had, None where the system does not tell."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        line = next((row for row in meminfo.read_text().splitlines() if row.startswith("MemAvailable:")), "")
        found.append(int(line.split()[1]) // 1024)
    for path in limits:
        with suppress(OSError, ValueError):  # "max" where there is none
            found.append(int(path.read_text()) >> 20)
    return min(found, default=None)
