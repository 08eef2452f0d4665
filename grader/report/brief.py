"""A scorecard in few words, as a line, a cell or a list shows it: its score, what that covers, what was lost."""

from __future__ import annotations

from collections import Counter

from grader.models import CriterionResult, Outcome, Scorecard, Verdict
from grader.report.text import points, short
from grader.report.view import lost
from grader.report.words import MARKS

GLOB_CHARS = 60
ADJECTIVES = (Verdict.partial, Verdict.missing, Verdict.inconclusive)  # these take no plural


def number(card: Scorecard) -> float | None:
    """Give the score; None where nothing was judged that counts towards it."""
    counted = any(not line.bonus for line in _judged(card))
    return card.score if counted or card.outcome is not Outcome.graded else None


def score(card: Scorecard, of: str = "") -> str:
    """Give the score in words; `of` joins it to the most that can be had."""
    value = number(card)
    if value is not None:
        return points(value) + (f"{of}{points(card.max_score)}" if of else "")
    if card.score is None:
        return "no score"
    return "nothing judged but bonus" if _judged(card) else "nothing judged"


def _judged(card: Scorecard) -> list[CriterionResult]:
    return [line for line in card.criteria if line.verdict is not Verdict.not_applicable]


def scope(card: Scorecard) -> str:
    """Say which criteria a partial run covers; nothing where it is a whole one."""
    return f"only {short(card.run.only, GLOB_CHARS)}" if card.run.only else ""


def standing(card: Scorecard) -> str:
    """Give both on one line."""
    return ", ".join(filter(None, [score(card, " of "), scope(card)]))


def losses(card: Scorecard) -> list[CriterionResult]:
    """Give the criteria that a reader has to look at."""
    return [line for line in card.criteria if lost(line)]


def by_section(lines: list[CriterionResult]) -> str:
    """Name criteria by section: one by its id, more by how many there are of each verdict."""
    sections: dict[str, list[CriterionResult]] = {}
    for line in lines:
        sections.setdefault(line.section, []).append(line)
    return ", ".join(
        f"{found[0].id} ({MARKS[found[0].verdict].word})" if len(found) == 1 else f"{name} ({_counts(found)})"
        for name, found in sections.items()
    )


def _counts(lines: list[CriterionResult]) -> str:
    return ", ".join(
        f"{count} {MARKS[verdict].word}{'s' if count > 1 and verdict not in ADJECTIVES else ''}"
        for verdict, count in Counter(line.verdict for line in lines).items()
    )
