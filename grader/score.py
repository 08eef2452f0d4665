"""From check results to a scorecard: pure, all or nothing per criterion, points that do not apply left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import PydanticSerializationError

from grader.models import (
    CheckResult,
    Criterion,
    CriterionResult,
    Job,
    Outcome,
    ReviewMark,
    Rubric,
    RunInfo,
    Scorecard,
    SubmissionInfo,
    Verdict,
    Weights,
)

DIGITS = 4  # of points in a scorecard: enough to be exact for thirds, few enough to be equal on every machine


def build(
    rubric: Rubric,
    submission: SubmissionInfo,
    run: RunInfo,
    results: Mapping[str, tuple[CheckResult, ...]],
    output: str = "",
    marks: Iterable[ReviewMark] = (),
) -> Scorecard:
    """Score a submission that was judged: results holds the checks of each criterion id, marks what a person gave."""
    reviews = _reviews(rubric, marks)
    criteria = tuple(_criterion(line, results.get(line.id, ())) for line in rubric.criteria)
    broken = [check for line in criteria for check in line.checks if check.verdict is Verdict.harness_error]
    counted = [line for line in criteria if not line.bonus and line.verdict is not Verdict.not_applicable]
    possible = sum(line.points for line in counted)
    scale = rubric.max_score / possible if possible else 0.0
    score = round(sum(line.earned for line in counted) * scale, DIGITS)
    undecided = [line for line in criteria if line.verdict is Verdict.inconclusive]
    card = Scorecard(
        submission=submission,
        outcome=Outcome.graded,
        score=score,
        max_score=rubric.max_score,
        bonus=round(sum(line.earned for line in criteria if line.bonus), DIGITS),
        pending=round(sum(line.points * (1 if line.bonus else scale) for line in undecided), DIGITS),
        criteria=criteria,
        output=output,
        run=run,
    )
    card = _encodable(reviewed(card, reviews, rubric.weights))
    if not broken:
        return card
    reason = f"check {broken[0].id} failed by the harness's own fault: {broken[0].message}"
    no_score = {"score": None, "bonus": 0.0, "pending": 0.0, "final": None}
    return card.model_copy(update={"outcome": Outcome.harness_error, "reason": reason} | no_score)


def rejected(job: Job, run: RunInfo, reason: str) -> Scorecard:
    """Score a submission that may not come in as a whole: 0, with the reason."""
    return _unjudged(job, run, Outcome.rejected, 0.0, reason)


def harness_error(job: Job, run: RunInfo, reason: str) -> Scorecard:
    """Say that the harness failed: there is no score, since none could be fair."""
    return _unjudged(job, run, Outcome.harness_error, None, reason)


def _unjudged(job: Job, run: RunInfo, outcome: Outcome, score: float | None, reason: str) -> Scorecard:
    return Scorecard(
        submission=SubmissionInfo(name=job.name, digest="", kit=job.kit),
        outcome=outcome,
        reason=reason,
        score=score,
        max_score=job.rubric.max_score,
        reviews=_reviews(job.rubric),
        run=run,
    )


def final(score: float, max_score: float, marks: Iterable[ReviewMark], weights: Weights) -> float | None:
    """Combine the score with a person's marks by the rubric's weights; None while a mark is missing."""
    shares = [None if mark.mark is None else mark.mark / mark.scale for mark in marks]
    given = [share for share in shares if share is not None]
    total = weights.automatic + weights.review
    if len(given) < len(shares) or not total:
        return None
    if not given:
        return score
    reviewed = sum(given) / len(given) * max_score
    return round((weights.automatic * score + weights.review * reviewed) / total, DIGITS)


def reviewed(card: Scorecard, reviews: tuple[ReviewMark, ...], weights: Weights) -> Scorecard:
    """Put a person's marks into a scorecard, and the final mark where none is missing."""
    whole = None if card.run.only else card.score  # what is told of some criteria is final for none
    mark = None if whole is None else final(whole, card.max_score, reviews, weights)
    return card.model_copy(update={"reviews": reviews, "final": mark})


def _encodable(card: Scorecard) -> Scorecard:
    """Spell out lone surrogates, which a submission can put into its messages and which no file can hold."""
    try:
        card.to_json()
        return card
    except PydanticSerializationError:
        return Scorecard.model_validate(_spelled(card.model_dump(by_alias=True)))


def _spelled(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_spelled(key): _spelled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    return value


def _criterion(line: Criterion, checks: tuple[CheckResult, ...]) -> CriterionResult:
    verdict = _verdict(checks)
    earned = 0.0
    if verdict is Verdict.accepted:
        earned = line.points
    elif verdict is Verdict.partial:
        earned = line.points * min(_fraction(check) for check in checks if check.verdict is Verdict.partial)
    return CriterionResult(
        id=line.id,
        section=line.section,
        title=line.title,
        points=line.points,
        earned=round(earned, DIGITS),
        bonus=line.bonus,
        verdict=verdict,
        checks=checks,
    )


def _verdict(checks: tuple[CheckResult, ...]) -> Verdict:
    """Give the verdict of a criterion: that of its first failing check, else what its checks leave open."""
    verdicts = [check.verdict for check in checks if check.verdict is not Verdict.not_applicable]
    if not verdicts:
        return Verdict.not_applicable  # among them what --only excluded
    if Verdict.harness_error in verdicts:
        return Verdict.harness_error
    open_ends = (Verdict.accepted, Verdict.inconclusive, Verdict.partial)
    for verdict in verdicts:
        if verdict not in open_ends:
            return verdict
    for verdict in (Verdict.inconclusive, Verdict.partial):
        if verdict in verdicts:
            return verdict
    return Verdict.accepted


def _fraction(check: CheckResult) -> float:
    fraction = check.evidence.get("fraction")
    if isinstance(fraction, bool) or not isinstance(fraction, int | float):
        return 0.0
    return min(max(float(fraction), 0.0), 1.0) if fraction == fraction else 0.0


def _reviews(rubric: Rubric, given: Iterable[ReviewMark] = ()) -> tuple[ReviewMark, ...]:
    """Give the rubric's reviewed items; a mark that was given keeps its scale, since its anchors were that scale's."""
    marked = {mark.id: mark for mark in given if mark.mark is not None or mark.comment}
    return tuple(
        marked[item.id].model_copy(update={"title": item.title})
        if item.id in marked
        else ReviewMark(id=item.id, title=item.title, scale=item.scale)
        for item in rubric.reviews
    )
