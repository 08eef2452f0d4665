"""The wall as the judge sees it: a sandbox is started, carries bytes to and from the worker, and is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader.models import Limits
from grader.project import PACKAGE

Progress = Callable[[str], None]


class SandboxGone(Exception):
    """The sandbox ended, or its stream closed. Whose fault that is, the caller decides."""


class Deadline(Exception):
    """The deadline passed before the bytes did."""


@dataclass(frozen=True)
class Usage:
    """What a sandbox has used so far; None where the host gives no such figure."""

    cpu_s: float | None
    oom_kills: int | None  # at the sandbox's own limit
    host_kills: int = 0  # below it, because this machine, or what the grader runs in, had no memory left


class Room(Protocol):
    """One running sandbox: the worker's standard input and output as a byte stream."""

    best_effort: tuple[str, ...]  # limits that could not be enforced strictly here
    image: str | None  # its name and the digest of its content, as the engine gave it
    runtime: str | None  # what the engine ran it with

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of data. deadline is on time.monotonic().

        Raises Deadline, SandboxGone, or SandboxLost where the end came from outside.
        """

    def receive(self, deadline: float) -> bytes:
        """Give the next bytes, at most 1 MiB, never empty.

        Raises Deadline, SandboxGone (also at end of stream), or SandboxLost where the end came from outside.
        """

    def broken(self) -> tuple[str, ...]:
        """Say which walls the kernel, asked from this side, does not confirm; the worker must have answered once."""

    def usage(self) -> Usage:
        """Give CPU time and out-of-memory kills since the start, of all processes inside."""

    def close(self) -> None:
        """Kill everything inside and remove every trace on the host; safe to call twice, never raises."""


class Sandbox(Protocol):
    """A way to build walls on this machine."""

    name: str

    def prepare(self, progress: Progress) -> None:
        """Do what is needed once (build the image, sweep what dead runs left). Raises HarnessError."""

    def sweep(self) -> int:
        """Take away what dead runs of this user left, and give how much that was. Raises HarnessError."""

    def open(self, limits: Limits, program: str | None = None) -> Room:
        """Start one sandbox with the worker in it, or with program (Python source) in the worker's place.

        Raises HarnessError.
        """


INSIDE_PACKAGE = "/opt/grader/grader"  # the place of the worker's files inside, in both sandboxes
INSIDE_UID = 65534
SUBMISSION_MARGIN_MIB = 4  # directories and page rounding on top of limits.submission_mib
SHM_MIB = 16
SPARE_PROCESSES = 4  # the worker's parent, its child and their threads, beside what the submission may start
OPEN_FILES = 1024
CHUNK_BYTES = 1 << 20  # that are sent or received at once
LAST_WORDS_BYTES = 4096  # of what a sandbox said on standard error, that are kept
# Of glibc's allocator, on both sides of the wall: what is freed stays for the next tensor of its size. To map and clear
# pages anew for each attention matrix takes a fifth of a run.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
ENVIRONMENT = ALLOCATOR | {
    "HOME": "/tmp",
    "USER": "nobody",
    "LOGNAME": "nobody",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def command(program: str | None) -> list[str]:
    """Give what runs inside, after the interpreter's name."""
    return ["-I", f"{INSIDE_PACKAGE}/worker/__main__.py"] if program is None else ["-I", "-c", program]


def worker_files() -> dict[str, Path]:
    """Give the files of the grader that are inside, by path in the package: the worker, and what it shares with us."""
    paths = (PACKAGE / "__init__.py", PACKAGE / "wire.py", *sorted((PACKAGE / "worker").glob("*.py")))
    return {path.relative_to(PACKAGE).as_posix(): path for path in paths}


def submission_bytes(limits: Limits) -> int:
    return int((limits.submission_mib + SUBMISSION_MARGIN_MIB) * 2**20)
