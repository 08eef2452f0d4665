"""Gradescope's results.json. Messages tell what was expected, so students see nothing before marks are published."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from grader.models import CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report import brief
from grader.report.text import cut, points, short
from grader.report.words import MARKS

VISIBILITY = "after_published"
OUTPUT_CHARS = 4000


def render(cards: Sequence[Scorecard], rubric: Rubric | None = None) -> str:
    """Write results.json, which describes one submission. Raises ValueError for more or fewer."""
    (card,) = cards
    results: dict[str, Any] = {
        "execution_time": round(card.run.duration_s, 2),
        "visibility": VISIBILITY,
        "stdout_visibility": "hidden",
        "output_format": "text",
        "test_output_format": "text",
        "output": _summary(card),
        "tests": [
            _test(result)
            for result in (card.criteria if card.outcome is Outcome.graded else ())
            if result.verdict is not Verdict.not_applicable
        ],
    }
    # Where there is nothing to score, or the harness failed, the platform has to see a failed run, not a zero.
    if (score := brief.number(card)) is not None:
        results["score"] = score
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def _summary(card: Scorecard) -> str:
    name = short(card.submission.name, 200)
    if card.score is None:
        return f"{name}: no score, the harness failed: {short(card.reason, 1000)}"
    text = f"{name}: {brief.standing(card)}"
    if card.bonus:
        text += f", bonus {points(card.bonus)}"
    if card.pending:
        text += f", {points(card.pending)} pending, for a person to decide"
    return text + (f"\nrejected: {short(card.reason, 1000)}" if card.outcome is Outcome.rejected else "")


def _test(result: CriterionResult) -> dict[str, Any]:
    lines = [f"{result.title} {MARKS[result.verdict].word}."]
    lines += [
        check.message[:1000] for check in result.checks if check.message and check.verdict is not Verdict.accepted
    ]
    return {
        "name": f"{result.id}{' (bonus)' if result.bonus else ''}",
        "score": result.earned,
        "max_score": result.points,
        "status": "passed" if result.verdict is Verdict.accepted else "failed",
        "output": str(cut("\n".join(lines), OUTPUT_CHARS)),
        "tags": [result.section],
        "visibility": VISIBILITY,
    }
