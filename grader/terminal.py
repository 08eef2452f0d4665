"""What a person sees while `grade` runs: live progress on a terminal, quiet lines elsewhere, and a table at the end.

Names, messages and reasons may hold what a candidate wrote, so nothing is printed that a terminal or a CI runner obeys.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from grader.intake import printable
from grader.models import Event, Outcome, Scorecard, Verdict
from grader.report import brief
from grader.report.text import points
from grader.report.view import has_no_key

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

REASON_CHARS = 400
MESSAGE_CHARS = 2000
WIDTH = 160  # columns, where there is no terminal
# What CI systems take for commands in a log: `::error`, `##[error]`, `##vso[...]`, `##teamcity[...]`.
COMMANDS = re.compile(r"::|##(?=\[|\w+\[)")


class Display(Protocol):
    """Shows how far a batch is."""

    def event(self, event: Event) -> None: ...
    def done(self, card: Scorecard) -> None: ...
    def say(self, text: str) -> None: ...


def safe(text: str, most: int = REASON_CHARS) -> str:
    """Give text as one line that neither a terminal nor a CI runner obeys."""
    shown = printable(" ".join(text.split("\n")).strip(), most)
    return COMMANDS.sub(lambda found: " ".join(found.group()), shown)


def some(names: Sequence[str], most: int) -> str:
    """Give the first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def say(text: str) -> None:
    """Print a message of ours on standard error."""
    print(safe(text, MESSAGE_CHARS), file=sys.stderr, flush=True)


def console() -> Console:
    """Give where rich tables are printed: standard output, WIDTH columns wide where that is no terminal."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH)


@contextmanager
def display(total: int, criteria: int) -> Iterator[Display]:
    """Open the display that fits where standard error leads."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        with Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
        ) as progress:
            yield Live(progress, total, criteria)
    else:
        yield Lines(total)


class Lines:
    """One line for each submission when it is done, with the time that is left, and for what takes long before."""

    def __init__(self, total: int) -> None:
        self._total, self._finished, self._started = total, 0, time.monotonic()

    def event(self, event: Event) -> None:
        pass

    def done(self, card: Scorecard) -> None:
        self._finished += 1
        left = self._total - self._finished
        left_s = (time.monotonic() - self._started) / self._finished * left
        ahead = f", about {duration(left_s)} left" if left else ""
        count = f"[{self._finished} of {self._total}{ahead}] " if self._total > 1 else ""
        self.say(f"{count}{card.submission.name}: {sentence(card)}")

    def say(self, text: str) -> None:
        print(safe(text), file=sys.stderr, flush=True)


class Live:
    """A bar for each running submission; its criteria scroll by above when it is the only one."""

    def __init__(self, progress: Progress, total: int, criteria: int):
        self._progress = progress
        self._alone = total == 1
        self._all = None if self._alone else progress.add_task("", total=total, name="all")
        self._criteria = criteria
        self._tasks: dict[str, TaskID] = {}

    def event(self, event: Event) -> None:
        task = self._tasks.get(event.submission)
        if task is None:
            task = self._progress.add_task("", total=self._criteria, name=safe(event.submission))
            self._tasks[event.submission] = task
        finished = event.kind == "criterion" and event.verdict is not None
        self._progress.update(task, description=safe(event.text), advance=1 if finished else 0)
        if finished and event.verdict is not None and (self._alone or not event.verdict.is_fine):
            name = "" if self._alone else f"{event.submission}  "
            self._line(f"{mark(event.verdict)} {name}{event.text:<20} {event.verdict}", event.verdict)

    def done(self, card: Scorecard) -> None:
        task = self._tasks.pop(card.submission.name, None)
        if task is not None:
            self._progress.remove_task(task)
        if self._all is not None:
            self._progress.advance(self._all)
        self.say(f"{card.submission.name}: {sentence(card)}")

    def say(self, text: str) -> None:
        self._line(text, Verdict.accepted)

    def _line(self, text: str, verdict: Verdict) -> None:
        style = "" if verdict.is_fine else "yellow" if verdict is Verdict.inconclusive else "red"
        self._progress.console.print(safe(text), style=style, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Give a rough time for people: 40 s, 12 min, 3 h."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def mark(verdict: Verdict) -> str:
    """Give a sign beside the word, so that no verdict is told by colour alone."""
    signs = {Verdict.accepted: "+", Verdict.not_applicable: "-", Verdict.inconclusive: "?", Verdict.partial: "~"}
    return signs.get(verdict, "x")


def sentence(card: Scorecard) -> str:
    """Say how one submission did, in one line."""
    if card.outcome is Outcome.harness_error or card.score is None:
        return f"no score; the harness failed: {card.reason}"
    if card.outcome is Outcome.rejected:
        return f"rejected, {brief.score(card, ' of ')}: {card.reason}"
    bonus = f"bonus {points(card.bonus)}" if card.bonus else ""
    pending = f"{points(card.pending)} pending" if card.pending else ""
    said = ", ".join(filter(None, [brief.standing(card), bonus, pending]))
    lost = brief.by_section(brief.losses(card))
    return said + (f"; not {lost}" if lost else "")


def below(cards: Sequence[Scorecard], bar: float) -> list[str]:
    """Give whose scores are below the bar, with the score of each."""
    scores = {card.submission.name: card.score for card in cards if card.score is not None}
    return [f"{name} ({points(score)})" for name, score in scores.items() if score < bar]


def without_key(cards: Sequence[Scorecard]) -> list[str]:
    """Give the kits whose diagnoses were not judged, for want of a key."""
    return sorted({str(card.submission.kit) for card in cards if has_no_key(card)})


def table(cards: Sequence[Scorecard], folder: Path) -> str:
    """Give the score table as plain text, aligned."""
    rows = [("submission", "score", "covers", "bonus", "pending", "lost", "report")]
    for card in cards:
        lost = len(brief.losses(card))
        graded = card.outcome is Outcome.graded and card.score is not None
        report = folder / card.submission.name / "report.html"
        rows.append(
            (
                safe(card.submission.name),
                brief.score(card) if graded else str(card.outcome),
                safe(brief.scope(card)),
                points(card.bonus) if card.bonus else "",
                points(card.pending) if card.pending else "",
                str(lost) if lost else "",
                safe(str(report)) if report.is_file() else "",
            )
        )
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    right = {1, 3, 4, 5}
    lines = [
        "  ".join(row[i].rjust(widths[i]) if i in right else row[i].ljust(widths[i]) for i in used) for row in rows
    ]
    return "\n".join(line.rstrip() for line in [lines[0], "-" * max(map(len, lines)), *lines[1:]])
