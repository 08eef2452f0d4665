"""Control groups: hard limits and exact figures for bubblewrap, and the figures of a container on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from grader.models import Limits
from grader.sandbox.base import SPARE_PROCESSES, Usage
from grader.sandbox.owner import PREFIX, new_name, of_name

EMPTY_WITHIN_S = 5.0
NEAR_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True)
class Meter:
    """Where the figures of one group are read."""

    cpu: Path | None
    oom: Path | None

    def read(self) -> Usage:
        kills = _oom_kills(self.oom)
        if kills and not _limit_was_reached(self.oom):
            return Usage(_cpu_s(self.cpu), 0, kills)
        return Usage(_cpu_s(self.cpu), kills)


@dataclass(frozen=True)
class Group:
    """The control groups of one sandbox, one folder in each hierarchy."""

    folders: tuple[Path, ...]
    meter: Meter
    missing: tuple[str, ...]  # what this machine's groups could not limit: memory, swap, processes

    @property
    def doors(self) -> tuple[str, ...]:
        """The files that a process writes its number into to come in."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    def remove(self) -> None:
        """Kill whatever is inside and take the folders away; never raises."""
        for folder in self.folders:
            _remove(folder)


@dataclass(frozen=True)
class _Place:
    """Where new groups go, in one hierarchy."""

    folder: Path
    version: int


def create(limits: Limits) -> Group | None:
    """Make groups that hold limits, or nothing where this machine gives no control groups to us."""
    places = _places()
    if not places:
        return None
    name = new_name()
    made: dict[str, Path] = {}
    missing: list[str] = []
    for kind, place in places.items():
        folder = place.folder / name
        try:
            folder.mkdir(exist_ok=True)
        except OSError:
            continue
        made[kind] = folder
    bytes_ = str(limits.memory_mib * 2**20)
    tasks = str(limits.processes + SPARE_PROCESSES)
    v2 = any(place.version == 2 for place in places.values())
    if "memory" not in made or not _set(made["memory"], "memory.max" if v2 else "memory.limit_in_bytes", bytes_):
        missing.append("memory")
    elif not _swap_is_bounded(made["memory"], v2, bytes_):
        missing.append("swap")
    if "pids" not in made or not _set(made["pids"], "pids.max", tasks):
        missing.append("processes")
    if v2 and "memory" in made:
        _set(made["memory"], "memory.oom.group", "0")
    meter = Meter(
        made["cpu"] / ("cpu.stat" if v2 else "cpuacct.usage") if "cpu" in made else None,
        made["memory"] / ("memory.events" if v2 else "memory.oom_control") if "memory" in made else None,
    )
    folders = tuple(dict.fromkeys(made.values()))
    return Group(folders, meter, tuple(missing)) if folders else None


def sweep() -> int:
    """Take away the groups of this user's runs that have died, with whatever still runs in them; give how many."""
    swept = 0
    for folder in {place.folder for place in _places().values()}:
        for group in folder.glob(f"{PREFIX}.*"):
            owner = of_name(group.name)
            if owner and owner.is_dead():
                _remove(group)
                swept += 1
    return swept


def of_process(pid: int, expect: str = "") -> Meter | None:
    """Give the meter of the groups that a process of this machine is in, if their path holds expect."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    cpu = oom = None
    mounts = _mounts()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if expect not in path:
            continue
        for kind in controllers.split(",") if controllers else ["v2"]:
            if kind not in mounts:
                continue
            folder = _below(mounts[kind], path)
            if folder is None:
                continue
            if kind == "cpuacct":
                cpu = folder / "cpuacct.usage"
            elif kind == "memory":
                oom = folder / "memory.oom_control"
            elif kind == "v2" and (folder / "memory.events").exists():
                cpu, oom = folder / "cpu.stat", folder / "memory.events"
    return Meter(cpu, oom) if cpu and cpu.exists() else None


def machine_swaps() -> bool:
    """Tell whether this machine swaps at all; where it does not, there is nothing to forbid."""
    try:
        return len(Path("/proc/swaps").read_text().splitlines()) > 1
    except OSError:
        return True


# --- files of a group -------------------------------------------------------------------------------------------------


def _set(folder: Path, name: str, value: str) -> bool:
    """Write a limit and read it back: some are accepted and dropped."""
    try:
        (folder / name).write_text(value)
        return (folder / name).read_text().strip() == value
    except OSError:
        return False


def _swap_is_bounded(folder: Path, v2: bool, bytes_: str) -> bool:
    """Forbid swap beyond the memory limit."""
    if _set(folder, "memory.swap.max", "0") if v2 else _set(folder, "memory.memsw.limit_in_bytes", bytes_):
        return True
    return not machine_swaps()


def _cpu_s(path: Path | None) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        if path is not None and path.name == "cpuacct.usage":
            return int(path.read_text()) / 1e9
        if path is not None:
            return _field(path, "usage_usec") / 1e6
    return None


def _oom_kills(path: Path | None) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return None if path is None else _field(path, "oom_kill")
    return None


def _limit_was_reached(path: Path | None) -> bool:
    """Tell whether the group's own limit was; the kernel counts kills for want of memory elsewhere as well."""
    with contextlib.suppress(OSError, ValueError):
        if path is not None and path.name == "memory.oom_control":
            # Not memory.failcnt, which recent kernels leave at 0. What is charged at once may be some MiB.
            most, limit = (
                int(path.with_name(f"memory.{name}_in_bytes").read_text()) for name in ("max_usage", "limit")
            )
            return most > limit - max(limit // 20, NEAR_LIMIT_BYTES)
        if path is not None:
            return _field(path, "oom") > 0
    return True


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    raise ValueError(f"{path} has no {name}")


def _remove(folder: Path) -> None:
    until = time.monotonic() + EMPTY_WITHIN_S
    with contextlib.suppress(OSError):
        (folder / "pids.max").write_text("0")  # nothing new may start while we kill
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            (folder / "cgroup.kill").write_text("1")
        try:
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.005)


# --- where groups may be made ----------------------------------------------------------------------------------------


def _places() -> dict[str, _Place]:
    """Give where memory, pids and cpu groups can be made: below our own in version 1, beside or above it in 2.

    In 1 the share of the processors is a controller of its own: without a group there, each session that a submission
    starts would have as much of them as another submission has in all.
    """
    if sys.platform != "linux":
        return {}
    mounts = _mounts()
    places: dict[str, _Place] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(",") if controllers else []:
            kind = {"memory": "memory", "pids": "pids", "cpuacct": "cpu", "cpu": "share"}.get(controller)
            folder = _below(mounts[controller], path) if controller in mounts else None
            if kind and folder and os.access(folder, os.W_OK):
                places[kind] = _Place(folder, 1)
        if not controllers and "v2" in mounts and not {"memory", "pids"} & set(mounts):
            found = _delegating(mounts["v2"], path)
            if found:
                return {kind: _Place(found, 2) for kind in ("memory", "pids", "cpu")}
    return places


def _delegating(mount: tuple[str, Path], path: str) -> Path | None:
    """Find the nearest group above our own that hands memory and pids down and that we may write to.

    Never our own: a version 2 group with processes in it cannot hand controllers down.
    """
    folder = _below(mount, path)
    while folder is not None and folder != mount[1]:
        folder = folder.parent
        with contextlib.suppress(OSError):
            handed = (folder / "cgroup.subtree_control").read_text().split()
            if {"memory", "pids"} <= set(handed) and all(
                os.access(file, os.W_OK) for file in (folder, folder / "cgroup.procs")
            ):
                return folder
    return None


def _mounts() -> dict[str, tuple[str, Path]]:
    """Give root and mount point of each controller's hierarchy, and of version 2 under `v2`."""
    found: dict[str, tuple[str, Path]] = {}
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, point = before.split(" ")[3:5]
        if kind == "cgroup2":
            found.setdefault("v2", (root, Path(point)))
        elif kind == "cgroup":
            for option in options.rpartition(" ")[2].split(","):
                found.setdefault(option, (root, Path(point)))
    return found


def _below(mount: tuple[str, Path], path: str) -> Path | None:
    """Give the folder of a group's path, where the mount shows it."""
    root, point = mount
    if root != "/" and not (path + "/").startswith(root + "/"):
        return None
    return point / path[len(root) if root != "/" else 0 :].lstrip("/")
