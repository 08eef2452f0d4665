"""A stored scorecard by another rubric: the same checks, other points, titles, weights and thresholds. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from grader import score
from grader.errors import UsageError
from grader.models import CheckResult, Limits, Outcome, Rescore, Rubric, Scorecard, Tolerances, Verdict
from grader.rescore.thresholds import rejudge

BY_LIMITS = (Verdict.time_limit, Verdict.memory_limit, Verdict.output_limit)

SCORED = ("score", "max_score", "bonus", "pending", "final", "criteria", "reviews")  # all else is as it was graded


@dataclass(frozen=True)
class Rescored:
    """A scorecard before and after."""

    before: Scorecard
    after: Scorecard  # the same object where nothing changes
    verdicts: tuple[tuple[str, Verdict, Verdict], ...] = ()  # of criteria that changed: id, before, after
    doubts: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()  # what the new rubric has no place for: criteria, marks


def rescore(card: Scorecard, rubric: Rubric, digest: str, at: str) -> Rescored:
    """Score a stored card by a rubric; at is the time of doing so. One without verdicts stays as it is.

    Raises UsageError where the rubric asks for a criterion of which nothing is stored.
    """
    if card.outcome is not Outcome.graded:
        return Rescored(card, card)
    stored = {line.id: line.checks for line in card.criteria}
    lacking = [line.id for line in rubric.criteria if line.id not in stored]
    if lacking:
        raise UsageError(f"{card.submission.name}: nothing is stored for {', '.join(lacking)}; grade it again")
    results: dict[str, tuple[CheckResult, ...]] = {}
    doubts: list[str] = []
    for line in rubric.criteria:
        judged = [_judge(check, card, rubric) for check in stored[line.id]]
        results[line.id] = tuple(check for check, _ in judged)
        doubts += [f"{line.id}: {doubt}" for _, doubt in judged if doubt]
    if card.run.tolerances is None and card.run.rubric_digest != digest:
        doubts.append("the scorecard does not say which tolerances it was graded by; all verdicts are kept")
    doubts += _marks_in_doubt(card, rubric)
    run = card.run.model_copy(update={"rubric_digest": digest})
    scored = score.build(rubric, card.submission, run, results, card.output, card.reviews)
    after = card.model_copy(update={name: getattr(scored, name) for name in SCORED} | {"run": run})
    if after == card:
        return Rescored(card, card, doubts=tuple(doubts))
    record = Rescore(from_digest=card.run.rubric_digest, at=at, doubts=tuple(doubts))
    run = run.model_copy(update={"rescored": (*run.rescored, record)})
    verdicts = {line.id: line.verdict for line in card.criteria}
    return Rescored(
        before=card,
        after=after.model_copy(update={"run": run}),
        verdicts=tuple(
            (line.id, verdicts[line.id], line.verdict) for line in after.criteria if line.verdict != verdicts[line.id]
        ),
        doubts=tuple(doubts),
        dropped=_dropped(card, rubric),
    )


def _judge(check: CheckResult, card: Scorecard, rubric: Rubric) -> tuple[CheckResult, str]:
    """Judge a check by the rubric's tolerances; the limits that it ran under cannot be changed any more."""
    judged, doubt = check, ""
    if card.run.tolerances is not None:
        judged, doubt = rejudge(check, card.run.tolerances, rubric.tolerances)
    if check.verdict in BY_LIMITS and card.run.limits not in (None, rubric.limits):
        changed = ", ".join(differences(card.run.limits, rubric.limits))
        doubt = f"{check.id}: it ran under other limits ({changed}); its verdict is kept ({check.verdict})"
    return judged, doubt


def differences(old: Limits | Tolerances | None, new: Limits | Tolerances) -> list[str]:
    """Name the limits or tolerances that differ."""
    pairs = [(name, getattr(old, name, None), getattr(new, name)) for name in type(new).model_fields]
    return [f"{name} {was:g} -> {now:g}" for name, was, now in pairs if was is not None and was != now]


def _marks_in_doubt(card: Scorecard, rubric: Rubric) -> list[str]:
    scales = {item.id: item.scale for item in rubric.reviews}
    return [
        f"{mark.id}: the mark {mark.mark:g} was given on a scale to {mark.scale}, which is {scales[mark.id]} now; "
        "it keeps its scale"
        for mark in card.reviews
        if mark.mark is not None and scales.get(mark.id, mark.scale) != mark.scale
    ]


def _dropped(card: Scorecard, rubric: Rubric) -> tuple[str, ...]:
    criteria, items = {line.id for line in rubric.criteria}, {item.id for item in rubric.reviews}
    lines = [line.id for line in card.criteria if line.id not in criteria]
    return (*lines, *(mark.id for mark in card.reviews if mark.id not in items and mark.mark is not None))
