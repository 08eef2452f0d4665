"""What to ask the candidate, by the rubric's rules: about what failed, about what is surprisingly right, follow-ups."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

from grader.models import CriterionResult, Measured, Outcome, Question, Rubric, Scorecard, Verdict
from grader.report.draw import real
from grader.report.text import counted, short, worth
from grader.report.view import Cause, causes, lost, message
from grader.report.words import MARKS

MOST = 6  # questions that an interview has time for; the others fold
HOW_FAR = "how far did you get, and what would you do next?"
NEXT_STEP = "Where the work stopped and why; the next step, and the smallest test that would show it right."


@dataclass(frozen=True)
class Asked:
    """A question, why it is asked, and what a strong answer holds."""

    why: str
    criterion: str | None
    question: str
    strong_answer: str


def questions(card: Scorecard, rubric: Rubric) -> tuple[Asked, ...]:
    """Give the questions for this scorecard, none that everybody is asked.

    Faults come first, the most telling on top, then by what they cost, with one question for what has one cause; then
    what is right and seldom so. What a rule asks about is not asked about again.
    """
    if card.outcome is not Outcome.graded:
        return ()
    rules = [rule for rule in rubric.questions if not rule.is_follow_up and _holds(rule, card)]
    telling = [_asked(rule, card) for rule in rules if rule.lost]
    told = {asked.criterion for asked in telling}
    lines, shared = {line.id: line for line in rubric.criteria}, causes(card)
    told |= {result.id for cause in shared for result in cause.criteria}
    failed = [
        (_worth(result), Asked(_why(result), result.id, line.question, line.strong_answer))
        for result in card.criteria
        if _tried(result) and result.id not in told and (line := lines.get(result.id)) and line.question
    ]
    failed += [_shared(cause) for cause in shared]
    right = [_asked(rule, card) for rule in rules if not rule.lost]
    return (*telling, *(asked for _, asked in sorted(failed, key=lambda both: both[0])), *right)


def follow_ups(card: Scorecard, rubric: Rubric) -> tuple[Asked, ...]:
    """Give the questions for everybody."""
    return tuple(_asked(rule, card) for rule in rubric.questions if rule.is_follow_up)


def _asked(rule: Question, card: Scorecard) -> Asked:
    first = next((c for glob in rule.lost for c in card.criteria if _tried(c) and fnmatch(c.id, glob)), None)
    if first is None:
        return Asked(rule.why, None, rule.question, rule.strong_answer)
    return Asked(_with_message(rule.why, first), first.id, rule.question, rule.strong_answer)


def _holds(rule: Question, card: Scorecard) -> bool:
    judged = [c for c in card.criteria if c.verdict is not Verdict.not_applicable]
    return (
        all(any(_tried(c) and fnmatch(c.id, glob) for c in judged) for glob in rule.lost)
        and all(_all_held([c for c in judged if fnmatch(c.id, glob)]) for glob in rule.held)
        and all(_lies(wanted, card) for wanted in rule.measured)
        and (rule.without is None or rule.without not in card.submission.files)
    )


def _tried(result: CriterionResult) -> bool:
    """Say whether points were lost by something that was handed in: what a missing file lacks tells nothing more."""
    return lost(result) and result.verdict not in (Verdict.missing, Verdict.harness_error)


def _all_held(results: list[CriterionResult]) -> bool:
    return bool(results) and all(result.verdict is Verdict.accepted for result in results)


def _lies(wanted: Measured, card: Scorecard) -> bool:
    """Say whether one of the criterion's checks measured such a number."""
    checks = next((c.checks for c in card.criteria if c.id == wanted.criterion), ())
    found = [number for check in checks if (number := real(check.evidence.get(wanted.key))) is not None]
    low = -float("inf") if wanted.above is None else wanted.above
    high = float("inf") if wanted.below is None else wanted.below
    return any(low < number < high for number in found)


def _worth(result: CriterionResult) -> tuple[bool, float]:
    """Order: the rubric proper before bonus, then by points."""
    return result.bonus, result.earned - result.points


def _shared(cause: Cause) -> tuple[tuple[bool, float], Asked]:
    """Ask once for all criteria that were lost by the same, as costly as they are together."""
    costliest = min(cause.criteria, key=_worth)
    lost_by = counted(len(cause.criteria), "criterion", "criteria")
    asked = Asked(f"{cause.cost} lost: {lost_by}", costliest.id, f"{cause.message}: {HOW_FAR}", NEXT_STEP)
    return (costliest.bonus, sum(r.earned - r.points for r in cause.criteria)), asked


def _why(result: CriterionResult) -> str:
    cost = worth(result.points - result.earned, "bonus point" if result.bonus else "point")
    if result.verdict is Verdict.inconclusive:
        return f"{cost} pending: inconclusive"
    return _with_message(f"{cost} lost: {MARKS[result.verdict].word}", result)


def _with_message(what: str, result: CriterionResult) -> str:
    first = message(result)
    return f"{what}. {short(first, 180)}" if first else what
