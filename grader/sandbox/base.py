"""The wall as the judge sees it: a sandbox is started, carries bytes to and from the worker, and is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from grader.models import Limits

Progress = Callable[[str], None]


class SandboxGone(Exception):
    """The sandbox ended, or its stream closed. Whose fault that is, the caller decides."""


class Deadline(Exception):
    """The deadline passed before the bytes did."""


@dataclass(frozen=True)
class Usage:
    """What a sandbox has used so far; None where the host gives no such figure."""

    cpu_s: float | None
    oom_kills: int | None


class Room(Protocol):
    """One running sandbox: the worker's standard input and output as a byte stream."""

    best_effort: tuple[str, ...]  # limits that could not be enforced strictly here
    image: str | None

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of data. deadline is on time.monotonic(). Raises Deadline or SandboxGone."""

    def receive(self, deadline: float) -> bytes:
        """Give the next bytes, at most 1 MiB, never empty. Raises Deadline or SandboxGone (also at end of stream)."""

    def usage(self) -> Usage:
        """Give CPU time and out-of-memory kills since the start, of all processes inside."""

    def close(self) -> None:
        """Kill everything inside and remove every trace on the host; safe to call twice, never raises."""


class Sandbox(Protocol):
    """A way to build walls on this machine."""

    name: str

    def prepare(self, progress: Progress) -> None:
        """Do what is needed once (build the image, sweep what dead runs left). Raises HarnessError."""

    def open(self, limits: Limits) -> Room:
        """Start one sandbox with the worker in it. Raises HarnessError."""
