"""What differs between scorecards, as rows of plain words: pure, and not yet safe to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.models import CriterionResult, Scorecard, Verdict
from grader.report import brief
from grader.report.text import points

NOTHING = "-"


@dataclass(frozen=True)
class Row:
    """One line: what is compared, and a cell for each scorecard."""

    name: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.cells)) > 1


def scores(cards: Sequence[Scorecard]) -> list[Row]:
    """Give the numbers on top, those left out that no scorecard has."""
    facts: list[tuple[str, Callable[[Scorecard], str]]] = [
        ("outcome", lambda card: card.outcome.value + (f": {card.reason}" if card.reason else "")),
        ("score", brief.standing),
        ("bonus", lambda card: _points(card.bonus or None)),
        ("pending", lambda card: _points(card.pending or None)),
        ("final", lambda card: _points(card.final)),
    ]
    return [row for row in _rows(facts, cards) if set(row.cells) != {NOTHING}]


def sections(cards: Sequence[Scorecard]) -> list[Row]:
    """Give the points earned of those that apply, by section; bonus apart."""
    names = dict.fromkeys(line.section for card in cards for line in card.criteria)
    return [Row(name, tuple(_section(card, name) for card in cards)) for name in names]


def criteria(cards: Sequence[Scorecard]) -> list[Row]:
    """Give each criterion on which the scorecards differ: verdict, points, and the first failing check's message."""
    found = [{line.id: line for line in card.criteria} for card in cards]
    ids = dict.fromkeys(line.id for card in cards for line in card.criteria)
    rows = []
    for name in ids:
        lines = [each.get(name) for each in found]
        if len({(line.verdict, line.earned, line.points) if line else None for line in lines}) > 1:
            rows.append(Row(name, tuple(_criterion(line) for line in lines)))
    return rows


def provenance(cards: Sequence[Scorecard]) -> list[Row]:
    """Give what may explain a difference: other files, rubric, seed, sandbox or version; only what differs."""
    facts: list[tuple[str, Callable[[Scorecard], str]]] = [
        ("started", lambda card: card.run.started_at),
        ("submission", lambda card: card.submission.digest[:19]),
        ("kit", lambda card: card.submission.kit or NOTHING),
        ("rubric", lambda card: card.run.rubric_digest[:19] + (" (rescored)" if card.run.rescored else "")),
        ("seed", lambda card: str(card.run.seed)),
        ("only", lambda card: card.run.only or "all criteria"),
        ("sandbox", lambda card: card.run.sandbox),
        ("versions", lambda card: ", ".join(f"{name} {value}" for name, value in card.run.versions.items())),
        ("machine", lambda card: card.run.machine or NOTHING),
    ]
    return [row for row in _rows(facts, cards) if row.differs]


def _rows(facts: list[tuple[str, Callable[[Scorecard], str]]], cards: Sequence[Scorecard]) -> list[Row]:
    return [Row(name, tuple(said(card) for card in cards)) for name, said in facts]


def _section(card: Scorecard, name: str) -> str:
    lines = [line for line in card.criteria if line.section == name and line.verdict is not Verdict.not_applicable]
    plain, bonus = ([line for line in lines if line.bonus is kind] for kind in (False, True))
    text = f"{_points(sum(line.earned for line in plain))} of {_points(sum(line.points for line in plain))}"
    extra = f"+{_points(sum(line.earned for line in bonus))} of {_points(sum(line.points for line in bonus))}"
    return ", ".join(([text] if plain else []) + ([extra] if bonus else [])) or NOTHING


def _criterion(line: CriterionResult | None) -> str:
    if line is None:
        return "not in its rubric"
    text = f"{line.verdict}, {_points(line.earned)} of {_points(line.points)}"
    failing = (check for check in line.checks if not check.verdict.is_fine)
    message = next((check.message for check in failing if check.message), "")
    return f"{text}: {message}" if message else text


def _points(value: float | None) -> str:
    return NOTHING if value is None else points(value)
