"""Scorecards of a small rubric, and a reports folder that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader import rubric as rubrics
from grader import score
from grader.models import CheckResult, Rubric, RunInfo, Scorecard, SubmissionInfo, Tolerances, Verdict
from grader.store import Store

LINES: list[dict[str, Any]] = [
    {"id": "gpt.logits", "title": "Equal.", "points": 40},
    {"id": "gpt.loss", "title": "Loses.", "points": 60},
    {"id": "scan.steps", "title": "Steps.", "points": 2, "bonus": True},
]
REVIEW = {"id": "review.scan", "title": "Scan", "scale": 4, "anchors": list("abcde")}


def rubric(*lines: dict[str, Any], **other: Any) -> Rubric:
    data = {"schema": "rubric/1", "name": "small", "title": "Small", "criteria": list(lines) or LINES}
    return Rubric.model_validate(data | {"reviews": [REVIEW]} | other)


def card(name: str, verdicts: Mapping[str, Verdict] | None = None, message: str = "", **evidence: Any) -> Scorecard:
    """Score a submission: accepted where nothing else is said, no bonus; the evidence is that of gpt.logits."""
    lines = rubric()
    said = {line.id: Verdict.not_applicable if line.bonus else Verdict.accepted for line in lines.criteria}
    run = RunInfo(
        seed=1,
        sandbox="bubblewrap",
        started_at="2026-01-01T00:00:00Z",
        duration_s=1,
        rubric_digest=rubrics.digest(lines),
        limits=lines.limits,
        tolerances=Tolerances(),
    )
    results = {
        name: (
            CheckResult(
                id="faint_activations_equal_the_reference[rope]" if name == "gpt.logits" else "a",
                verdict=verdict,
                message="" if verdict is Verdict.accepted else message or f"{name} says {verdict}",
                evidence=evidence if name == "gpt.logits" else {},
            ),
        )
        for name, verdict in (said | dict(verdicts or {})).items()
    }
    return score.build(lines, SubmissionInfo(name=name, digest="sha256:0"), run, results)


def put(folder: Path, card: Scorecard) -> Path:
    """Keep a scorecard in folder/reports as `grade` does."""
    store = Store(folder / "reports")
    store.report(store.keep(card), rubric())
    store.index(rubric())
    return store.folder / card.submission.name
