"""Gradescope's results.json. Messages tell what was expected, so students see nothing before marks are published."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from grader.models import CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report.text import cut, points, short
from grader.report.words import MARKS

VISIBILITY = "after_published"
OUTPUT_CHARS = 4000


def render(cards: Sequence[Scorecard], rubric: Rubric | None = None) -> str:
    """Write results.json. It describes one submission; several are written as one list of tests with their names."""
    results: dict[str, Any] = {
        "execution_time": round(sum(card.run.duration_s for card in cards), 2),
        "visibility": VISIBILITY,
        "stdout_visibility": "hidden",
        "output_format": "text",
        "test_output_format": "text",
        "output": str(cut("\n".join(_summary(card) for card in cards), 4 * OUTPUT_CHARS)),
        "tests": [
            _test(result, f"{short(card.submission.name, 80)}: " if len(cards) > 1 else "")
            for card in cards
            if card.outcome is Outcome.graded
            for result in card.criteria
            if result.verdict is not Verdict.not_applicable
        ],
    }
    # Without a score (the harness failed) the platform has to see a failed run, not a zero.
    if len(cards) == 1 and cards[0].score is not None:
        results["score"] = cards[0].score
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def _summary(card: Scorecard) -> str:
    name = short(card.submission.name, 200)
    if card.score is None:
        return f"{name}: no score, the harness failed: {short(card.reason, 1000)}"
    text = f"{name}: {points(card.score)} of {points(card.max_score)}"
    if card.bonus:
        text += f", bonus {points(card.bonus)}"
    if card.pending:
        text += f", {points(card.pending)} points wait for a person"
    return text + (f"\nrejected: {short(card.reason, 1000)}" if card.outcome is Outcome.rejected else "")


def _test(result: CriterionResult, prefix: str) -> dict[str, Any]:
    lines = [f"{result.title} {MARKS[result.verdict].word}."]
    lines += [
        check.message[:1000] for check in result.checks if check.message and check.verdict is not Verdict.accepted
    ]
    return {
        "name": f"{prefix}{result.id}{' (bonus)' if result.bonus else ''}",
        "score": result.earned,
        "max_score": result.points,
        "status": "passed" if result.verdict is Verdict.accepted else "failed",
        "output": str(cut("\n".join(lines), OUTPUT_CHARS)),
        "tags": [result.section],
        "visibility": VISIBILITY,
    }
