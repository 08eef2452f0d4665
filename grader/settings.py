"""grader.toml: what a hiring repository says once rather than on every command line, where an option still wins."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from grader import toml
from grader.models import Frozen
from grader.project import DEFAULT_RUBRIC

NAME = "grader.toml"
TEMPLATE = """\
# Settings of `grade` and `grader`, in this folder and in those below it. An option on the command line wins.
# Keep this file where no candidate can change it; one that lies inside a submission is not read.

# rubric = "rubric.toml"    # what is graded, from this folder; else the rubric that comes with the grader
# min_score = 70            # a score below it gives `grade` the exit status 1
sandbox = "auto"            # auto, docker or bubblewrap
out = "reports"             # where reports go, from this folder
retention_days = 90         # `grader prune` removes reports that are older
"""

Sandbox = Literal["auto", "docker", "bubblewrap"]


class Written(Frozen):
    """What grader.toml may say."""

    rubric: str | None = Field(None, min_length=1)
    min_score: float | None = None
    sandbox: Sandbox = "auto"
    out: str = Field("reports", min_length=1)
    retention_days: int | None = Field(None, ge=1)


@dataclass(frozen=True)
class Settings:
    """What holds where the command line says nothing."""

    rubric: Path = DEFAULT_RUBRIC
    min_score: float | None = None
    sandbox: Sandbox = "auto"
    out: Path = Path("reports")
    retention_days: int | None = None
    passed_over: tuple[Path, ...] = ()  # files that lie in a submission, where a candidate may have put them


def load(submissions: Sequence[Path] = ()) -> Settings:
    """Read the grader.toml of the current folder or the nearest one above that has one. Raises UsageError."""
    found, passed_over = _find(submissions)
    if found is None:
        return Settings(passed_over=passed_over)
    written = toml.read(found, Written, "settings")

    def place(name: str) -> Path:
        return Path(os.path.relpath(found.parent / name))

    return Settings(
        rubric=DEFAULT_RUBRIC if written.rubric is None else place(written.rubric),
        min_score=written.min_score,
        sandbox=written.sandbox,
        out=place(written.out),
        retention_days=written.retention_days,
        passed_over=passed_over,
    )


def _find(submissions: Sequence[Path]) -> tuple[Path | None, tuple[Path, ...]]:
    try:
        here = Path.cwd()
    except FileNotFoundError:  # removed under our feet
        return None, ()
    foreign = [path.resolve() for path in submissions]
    passed_over = []
    for folder in (here, *here.parents):
        path = folder / NAME
        if not path.is_file() or folder.stat().st_mode & stat.S_ISVTX:
            continue  # in /tmp and the like anybody may have put it
        if any(folder.is_relative_to(place) for place in foreign):
            passed_over.append(path)
            continue
        return path, tuple(passed_over)
    return None, tuple(passed_over)
