"""CSV: one row a submission, for spreadsheets. No cell that text of a submission can reach is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from grader.models import Rubric, Scorecard
from grader.report import brief
from grader.report.text import short

TEXT_CHARS = 1000
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the wide forms count in some programs
FIXED = (
    *("name", "outcome", "score", "max_score", "bonus", "pending", "final"),
    *("reason", "kit", "digest", "rubric_digest", "only", "seed", "sandbox", "started_at", "duration_s"),
)


def render(cards: Sequence[Scorecard], rubric: Rubric | None = None) -> str:
    """Write a header and one row a submission: for each criterion points and verdict, for each reviewed item a mark."""
    known = [line.id for line in rubric.criteria] if rubric else []
    ids = list(dict.fromkeys([*known, *(result.id for card in cards for result in card.criteria)]))
    items = list(dict.fromkeys(mark.id for card in cards for mark in card.reviews))
    out = io.StringIO()
    # Everything but numbers is quoted: a separator inside a cell starts no new one.
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([*FIXED, *(f"{name}{part}" for name in ids for part in ("", " verdict")), *items])
    for card in cards:
        writer.writerow([*_row(card, ids), *_marks(card, items)])
    return out.getvalue()


def _row(card: Scorecard, ids: list[str]) -> list[str | float]:
    run, found = card.run, {result.id: result for result in card.criteria}
    row: list[str | float] = [
        _text(card.submission.name),
        card.outcome.value,
        *(
            "" if value is None else value
            for value in (brief.number(card), card.max_score, card.bonus, card.pending, card.final)
        ),
        *(_text(value) for value in (card.reason, card.submission.kit or "", card.submission.digest)),
        *(_text(value) for value in (run.rubric_digest, run.only or "", str(run.seed), run.sandbox, run.started_at)),
        run.duration_s,
    ]
    for name in ids:
        result = found.get(name)
        row += [result.earned, result.verdict.value] if result else ["", ""]
    return row


def _marks(card: Scorecard, items: list[str]) -> list[str | float]:
    given = {mark.id: mark.mark for mark in card.reviews}
    return ["" if (mark := given.get(name)) is None else mark for name in items]


def _text(value: str) -> str:
    """Give text as a cell that a spreadsheet shows and does not run."""
    shown = short(value, TEXT_CHARS)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown
