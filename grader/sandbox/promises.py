"""What a sandbox promises, which of it no run may do without, and what can be seen of it from this side of the wall."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.sandbox.base import Room


@dataclass(frozen=True)
class Promise:
    """One promise. A backend names it in front of the colon where it can keep it by best effort only."""

    name: str
    required: bool
    tested: str  # how `grader doctor` tries it
    advice: str = ""  # what to do where it does not hold


_GROUPS = "let control groups in: a system with systemd and a session of one's own, root, or a Docker engine"
PROMISES = (
    Promise("network", True, "opens sockets of eight families; looks for interfaces"),
    Promise("files", True, "writes and reads everywhere outside its three scratch folders"),
    Promise("identity", True, "user, group and other groups are nobody's; no set-user-id program helps"),
    Promise("capabilities", True, "reads all five sets; asks for what root may do"),
    Promise("system calls", True, "makes calls that attack kernels", "use an engine built with seccomp"),
    Promise("namespaces", True, "makes new ones; compares its own with this machine's, from outside"),
    Promise("processes of others", True, "lists /proc; reads memory and environment of what it finds"),
    Promise("environment", True, "looks for this machine's variables and open files"),
    Promise("memory", True, "a child takes more than the limit, and must be killed and counted", _GROUPS),
    Promise("swap", False, "reads back whether memory may move to swap", "switch swap off, or boot with swapaccount=1"),
    Promise("processes", True, "forks until it is refused", _GROUPS),
    Promise("disk", True, "fills each scratch folder until it is refused"),
    Promise("descriptors", True, "opens files until it is refused"),
    Promise("processor", False, "counts the processors that it may use", "give the engine's host a cpuset group"),
    Promise("processor time", False, "works, and its time is read from outside", "timing falls back to the wall clock"),
    Promise("end", True, "ignores signals and leaves a grandchild; all is gone when the sandbox is closed"),
)
REQUIRED = frozenset(promise.name for promise in PROMISES if promise.required)
NAMESPACES = ("ipc", "mnt", "net", "pid", "uts")


def missing(room: Room) -> tuple[str, ...]:
    """Say which required promises a running sandbox does not keep, as texts that begin with their names."""
    return tuple(text for text in (*room.best_effort, *room.broken()) if text.split(":")[0] in REQUIRED)


def broken(pid: int) -> tuple[str, ...]:
    """Say which walls around the first process of a sandbox on this machine the kernel does not confirm.

    pid is that process, or one that it descends from.
    """
    if sys.platform != "linux":
        return ()
    first = next((found for found in _descent(pid) if _status(found).get("NSpid", "").split()[-1:] == ["1"]), None)
    status = _status(first) if first else {}
    if not first or not status:
        return ()  # it has ended, which who waits for it is told
    found = []
    kept = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status.get(name, "0"), 16)]
    if kept:
        found.append(f"capabilities: the kernel says that it keeps some ({', '.join(kept)})")
    if status.get("Seccomp") != "2" or status.get("NoNewPrivs") != "1":
        found.append("system calls: the kernel says that they are not filtered, or that rights can be gained")
    if shared := [name for name in NAMESPACES if _namespace(first, name) == _namespace(os.getpid(), name) != ""]:
        found.append(f"namespaces: it shares this machine's ({', '.join(shared)})")
    return tuple(found)


def _descent(pid: int) -> Iterator[int]:
    """Give pid, its first child, that one's first child, and so on."""
    while True:
        yield pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return
        if not children:
            return
        pid = int(children[0])


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _namespace(pid: int, name: str) -> str:
    """Give which namespace a process is in, or nothing where this user may not know."""
    try:
        return str(Path(f"/proc/{pid}/ns/{name}").readlink())
    except OSError:
        return ""
