"""Where jobs are done: on this machine, or (`cluster.py`) on others. `grade` sees only this."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Protocol

from grader import batch, capacity
from grader import sandbox as sandboxes
from grader.errors import HarnessError
from grader.models import Event, Job, Limits, Scorecard


class Executor(Protocol):
    """A way to have jobs done."""

    sandbox: str

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Make sure that a first job can be done. Raises HarnessError."""

    def run(self, jobs: Sequence[Job]) -> Generator[Event | Scorecard]:
        """Do jobs: gives events as they come, and one scorecard for every job; closing it ends what is left."""

    def clean_up(self) -> None:
        """Take away what was left; never raises."""


class ThisMachine:
    """Jobs in child processes of our own."""

    def __init__(self, sandbox: str, at_once: int, limits: Limits, progress: Callable[[str], None], many: int) -> None:
        """many: how many jobs will come. Raises UsageError, HarnessError."""
        self._first = batch.start_ahead(many)
        most, bound = capacity.at_most(limits)
        if min(at_once, many) > most:
            progress(f"{most} at once rather than {at_once}: {bound}")
        self._at_once = min(at_once, most)
        self._wall = sandboxes.choose(sandbox)
        self.sandbox = self._wall.name

    def prepare(self, progress: Callable[[str], None]) -> None:
        self._wall.prepare(progress)

    def run(self, jobs: Sequence[Job]) -> Generator[Event | Scorecard]:
        return batch.run(jobs, self._at_once, first=self._first)

    def clean_up(self) -> None:
        with suppress(HarnessError):  # an engine that is gone: the next start sweeps
            self._wall.sweep()
