"""All scorecards of a folder, ready for templates/index.html.j2: a matrix, a distribution, pass rates."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grader.models import CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report import brief, draw
from grader.report.text import points, short
from grader.report.view import lost, tone
from grader.report.words import MARKS, OUTCOMES, section_title

NAME_CHARS = 120
ABSENT = ("none", "_")  # a criterion that a scorecard does not know


@dataclass(frozen=True)
class Column:
    """A criterion over all submissions."""

    id: str
    title: str
    worth: str
    bonus: bool
    group: bool  # the first of its section
    section: str
    accepted: int
    judged: int

    @property
    def share(self) -> float:
        return self.accepted / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class Entry:
    """A submission: one row of the table."""

    name: str
    href: str
    outcome: str
    tone: str
    score: str
    only: str  # what a partial run covers
    bonus: float
    pending: float
    final: float | None
    started: str
    runs: tuple[tuple[str, str], ...]  # neighbouring criteria of one tone: (tone, letters)
    lost: str


@dataclass(frozen=True)
class Bar:
    """One bin of the score distribution."""

    x: float
    height: float
    count: int
    label: str


@dataclass(frozen=True)
class Cohort:
    """What the page shows."""

    columns: tuple[Column, ...]
    entries: tuple[Entry, ...]
    bars: tuple[Bar, ...]
    max_score: float
    facts: tuple[tuple[str, str], ...]
    rubrics: int


def cohort(cards: Sequence[Scorecard], rubric: Rubric | None) -> Cohort:
    """Put scorecards side by side, in the order of their names."""
    ordered = sorted(cards, key=lambda card: (card.submission.name.lower(), card.submission.name))
    known: dict[str, tuple[str, float, bool]] = {}
    for line in rubric.criteria if rubric else ():
        known[line.id] = (line.title, line.points, line.bonus)
    for card in ordered:
        for result in card.criteria:
            known.setdefault(result.id, (result.title, result.points, result.bonus))
    whole = [card for card in ordered if not card.run.only]  # figures are of these
    most = max((card.max_score for card in ordered), default=rubric.max_score if rubric else 100.0)
    scores = [score for card in whole if (score := brief.number(card)) is not None]
    return Cohort(
        columns=tuple(_columns(known, whole)),
        entries=tuple(_entry(card, list(known)) for card in ordered),
        bars=_bars(scores, most),
        max_score=most,
        facts=_facts(ordered, scores),
        rubrics=len({card.run.rubric_digest for card in ordered}),
    )


def _columns(known: dict[str, tuple[str, float, bool]], cards: list[Scorecard]) -> list[Column]:
    columns: list[Column] = []
    verdicts = [{result.id: result.verdict for result in card.criteria} for card in cards]
    for name, (title, worth, bonus) in known.items():
        section = name.split(".")[0]
        found = [row[name] for row in verdicts if name in row]
        judged = [v for v in found if v not in (Verdict.not_applicable, Verdict.harness_error)]
        group = not columns or columns[-1].section != section_title(section)
        accepted = sum(v is Verdict.accepted for v in judged)
        worth_text = f"{'+' if bonus else ''}{points(worth)}"
        title_text = short(title, 200)
        columns.append(
            Column(name, title_text, worth_text, bonus, group, section_title(section), accepted, len(judged))
        )
    return columns


def _entry(card: Scorecard, ids: list[str]) -> Entry:
    found = {result.id: result for result in card.criteria}
    cells = []
    for name, after in zip(ids, [*ids[1:], ""], strict=True):
        cells.append(_cell(found[name]) if name in found else ABSENT)
        if after and name.split(".")[0] != after.split(".")[0]:
            cells.append(("", " "))  # sections stand apart
    runs = [
        (shade, "".join(letter for _, letter in group)) for shade, group in itertools.groupby(cells, key=lambda c: c[0])
    ]
    return Entry(
        name=short(card.submission.name, NAME_CHARS),
        href=_href(card.submission.name),
        outcome=OUTCOMES[card.outcome],
        tone={Outcome.graded: "none", Outcome.rejected: "fail", Outcome.harness_error: "warn"}[card.outcome],
        score=brief.score(card),
        only=brief.scope(card),
        bonus=card.bonus,
        pending=card.pending,
        final=card.final,
        started=short(card.run.started_at, 40)[:16].replace("T", " "),
        runs=tuple(runs) if card.criteria else (),
        lost=", ".join(name for name in ids if name in found and lost(found[name])),
    )


def _cell(result: CriterionResult) -> tuple[str, str]:
    return tone(result), MARKS[result.verdict].letter


def _href(name: str) -> str:
    """Give the way to a report; none for a name that would lead out of the folder."""
    if name in ("", ".", ".."):
        return ""
    return f"{quote(name, safe='', errors='replace')}/report.html"


def _bars(scores: list[float], most: float) -> tuple[Bar, ...]:
    bins = draw.histogram(scores, most)
    tallest = max((count for *_, count in bins), default=0) or 1
    wide = 480 / len(bins)
    return tuple(
        Bar(round(i * wide, 1), round(count / tallest * 110, 1), count, f"{points(low)} to {points(high)}")
        for i, (low, high, count) in enumerate(bins)
    )


def _facts(cards: list[Scorecard], scores: list[float]) -> tuple[tuple[str, str], ...]:
    facts = [("submissions", f"{len(cards):,}")]
    for outcome in (Outcome.rejected, Outcome.harness_error):
        if count := sum(card.outcome is outcome for card in cards):
            facts.append((OUTCOMES[outcome], f"{count:,}"))
    if scores:
        facts.append(("median score", points(statistics.median(scores))))
    if len(scores) >= 4:
        low, _, high = statistics.quantiles(scores, n=4, method="inclusive")
        facts.append(("middle half of scores", f"{points(round(low, 1))} to {points(round(high, 1))}"))
    if partial := sum(bool(card.run.only) for card in cards):
        facts.append(("partial runs, in no figure", f"{partial:,}"))
    if pending := sum(card.pending > 0 for card in cards):
        facts.append(("with pending points", f"{pending:,}"))
    return tuple(facts)
