"""How many submissions are graded at once: never more than this machine has processors and memory for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grader import capacity
from grader.models import Limits


@pytest.mark.parametrize(
    ("free_mib", "most", "why"),
    [
        (None, 4, "4 processors"),  # a system that does not tell
        (100_000, 4, "4 processors"),
        (2 * 2688, 2, "5,376 MiB are free, and each may take 2,688 (limits.memory_mib is 1,024)"),
        (3 * 2688 - 1, 2, "2,688"),
        (700, 1, "700 MiB are free"),  # one always runs: its sandbox's own limit holds it
    ],
)
def test_processors_and_memory_bound_what_runs_at_once(
    monkeypatch: pytest.MonkeyPatch, free_mib: int | None, most: int, why: str
) -> None:
    """Each submission may have two sandboxes of limits.memory_mib, and a judge."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(capacity, "available_mib", lambda: free_mib)
    number, said = capacity.at_most(Limits(memory_mib=1024))
    assert number == most and why in said


def test_the_smaller_of_memory_and_limit_counts(tmp_path: Path) -> None:
    """A container's limit holds although the host has more; "max" and a file that is not there are no limit."""
    meminfo, limit, no_limit = tmp_path / "meminfo", tmp_path / "limit", tmp_path / "max"
    meminfo.write_text("MemTotal:       16000000 kB\nMemAvailable:    8192000 kB\n")
    limit.write_text(f"{3 << 30}\n")
    no_limit.write_text("max\n")
    assert capacity.available_mib(meminfo, (no_limit, tmp_path / "none")) == 8000
    assert capacity.available_mib(meminfo, (limit, no_limit)) == 3072
    assert capacity.available_mib(tmp_path / "none", ()) is None


def test_this_machine_tells() -> None:
    """The real files are read: the figure is one that this process could ever have had."""
    free_mib = capacity.available_mib()
    assert free_mib is not None and 0 < free_mib < 1 << 24
