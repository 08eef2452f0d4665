"""`grader compare`: two or three submissions, or runs of one, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.errors import UsageError
from grader.options import Out

if TYPE_CHECKING:
    from grader.compare.rows import Row
    from grader.models import Scorecard

MOST = 3
CELL_CHARS = 300
NAME_CHARS = 60


def compare(
    which: Annotated[
        list[str], typer.Argument(metavar="A B [C]", help="Names in the reports folder, or paths of scorecards.")
    ],
    out: Out = None,
) -> int:
    """Show two or three scorecards side by side.

    Scores, sections, the criteria on which they differ with the first reason, and what may explain it. A path may lead
    to a scorecard of a submission's history, so that two runs of one are compared.
    """
    from grader.report.text import counted

    if not 2 <= len(which) <= MOST:
        raise UsageError(f"{counted(len(which), 'scorecard is', 'scorecards are')} given; name two or three")
    from grader import settings
    from grader.compare import rows

    folder = out or settings.load().out
    cards = [_read(name, folder) for name in which]
    _show(cards, rows.scores(cards), rows.sections(cards), rows.criteria(cards), rows.provenance(cards))
    return 0


def _read(name: str, out: Path) -> Scorecard:
    """Read the scorecard of a name, or at a path. Raises UsageError."""
    from pydantic import ValidationError

    from grader.models import Scorecard

    stored = out / name / "scorecard.json"
    path = stored if stored.is_file() or not Path(name).is_file() else Path(name)
    try:
        return Scorecard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; give a name in {out}, or a scorecard's path"
        ) from None
    except ValidationError:
        raise UsageError(f"{path} is no scorecard of this version") from None


def _show(cards: list[Scorecard], *blocks: list[Row]) -> None:
    from rich import box
    from rich.table import Table

    from grader import terminal
    from grader.report.text import when
    from grader.terminal import safe

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("", overflow="fold")
    names = [card.submission.name for card in cards]
    for card in cards:
        name = card.submission.name
        started = f", {when(card.run.started_at)}" if names.count(name) > 1 else ""
        table.add_column(safe(name, NAME_CHARS) + safe(started), overflow="fold", ratio=1)
    for rows in blocks:
        for row in rows:
            table.add_row(
                safe(row.name), *(safe(cell, CELL_CHARS) for cell in row.cells), style="bold" if row.differs else ""
            )
        table.add_section()
    console = terminal.console()
    console.print(table)
    if not blocks[2]:
        console.print("They agree on every criterion.")
