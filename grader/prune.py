"""`grader prune`: take candidates' data away when it has been kept long enough."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from grader.errors import HarnessError, UsageError
from grader.options import Out

CARD = "scorecard.json"
MOST_DAYS = 36_500


@dataclass(frozen=True)
class Kept:
    """The folder of a submission in the reports, and when its latest run began."""

    folder: Path
    started: datetime
    blind: bool  # its folder has a code name


def prune(
    older_than: Annotated[
        str | None,
        typer.Option(metavar="DAYS", help="Such as 90d; else retention_days of grader.toml.", show_default=False),
    ] = None,
    out: Out = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> int:
    """Remove reports of submissions whose latest run is older.

    The whole folder goes: scorecard, report, history; and what reviewers wrote. Only folders that hold a scorecard are
    touched, and no link is followed. Submissions themselves, kits, and files that were written elsewhere, such as that
    of --csv, are not here to remove.
    """
    from grader import blind, rubric, settings
    from grader.review.book import Book
    from grader.store import Store
    from grader.terminal import safe, say

    said = settings.load()
    before = datetime.now(UTC) - timedelta(days=_days(older_than, said.retention_days))
    store, lines = Store(out or said.out), rubric.load(said.rubric)
    if not store.folder.is_dir():
        raise UsageError(f"{store.folder} is no folder; name the one that holds the reports with --out")
    found, notes = find(store.folder)
    for note in notes:
        say(f"warning: {note}")
    old = [kept for kept in found if kept.started < before]
    done = "would be removed" if dry_run else "removed"
    if not dry_run:  # before the folders go, by which they are found
        Book(store.folder).forget([kept.folder.name for kept in old])
    for kept in old:
        if not dry_run:
            remove(kept.folder)
        typer.echo(safe(f"{kept.folder} {done}; its latest run was on {kept.started:%Y-%m-%d}", 2000))
    if any(kept.blind for kept in old):
        typer.echo(
            safe(f"the names behind code names stay in {blind.default_path()}: other folders may need them", 2000)
        )
    if not dry_run and (old or (store.folder / "index.html").exists()):  # which a run that was killed may have left old
        store.index(lines)
    typer.echo(f"{len(old)} of {len(found)} {done}; older than {before:%Y-%m-%d %H:%M} UTC")
    return 0


def find(reports: Path) -> tuple[list[Kept], list[str]]:
    """Give every folder that holds a scorecard of the grader, and a note on each that only seems to."""
    found: list[Kept] = []
    notes: list[str] = []
    for folder in sorted(reports.iterdir()):
        path = folder / CARD
        if not os.path.lexists(path):
            continue
        if folder.is_symlink() or path.is_symlink():
            notes.append(f"{folder if folder.is_symlink() else path} is a link; it stays, and so does what it leads to")
            continue
        try:
            card = json.loads(path.read_bytes())
            if card["schema"] != "scorecard/1":
                raise ValueError("another schema")
            started = datetime.fromisoformat(card["run"]["started_at"])
            blind = bool(card["submission"].get("blind"))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            notes.append(f"{path} is no scorecard of the grader; its folder stays")
            continue
        found.append(Kept(folder, started if started.tzinfo else started.replace(tzinfo=UTC), blind))
    return found, notes


def remove(folder: Path) -> None:
    """Remove a folder, its scorecard last: what is broken off is found again. Raises HarnessError."""
    try:
        for path in sorted(folder.iterdir(), key=lambda path: path.name == CARD):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        folder.rmdir()
    except OSError as error:
        raise HarnessError(f"{error.filename or folder} cannot be removed: {error.strerror}") from None


def _days(asked: str | None, retention_days: int | None) -> int:
    if asked is None:
        if retention_days is None:
            raise UsageError("how old? Give --older-than, such as 90d, or retention_days in grader.toml")
        return min(retention_days, MOST_DAYS)
    found = re.fullmatch(r"(\d{1,5})d", asked)
    if found is None or int(found[1]) > MOST_DAYS:
        raise UsageError(f"--older-than is {asked!r}; it must be a number of days such as 90d, {MOST_DAYS}d at most")
    return int(found[1])
