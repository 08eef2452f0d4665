"""What to ask the candidate: about what failed, about what is surprisingly right, else the exercise's follow-ups."""

from __future__ import annotations

from dataclasses import dataclass

from grader.models import CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report.text import points, short
from grader.report.words import MARKS

MOST = 6  # questions that an interview has time for; the others fold


@dataclass(frozen=True)
class Question:
    """A question, why it is asked, and what a strong answer holds."""

    why: str
    criterion: str | None
    question: str
    strong_answer: str


FOLLOW_UPS = (
    Question(
        "follow-up",
        None,
        "How much memory does the cache of this model take for one sequence at full length, and what would you do "
        "when contexts get a hundred times longer?",
        "2 * L * B * H * T * d * bytes; for the trained checkpoints (4 layers, 4 heads of 32, 128 positions, float32) "
        "2 * 4 * 1 * 4 * 128 * 32 * 4 = 524,288 bytes: 512 KiB a sequence, linear in T. MQA or GQA shrink H for keys "
        "and values, quantised caches the bytes, paged caches the waste; each gives something up for it.",
    ),
    Question(
        "follow-up",
        None,
        "Sequences of different length share one cached batch: what changes in the mask and in the positions?",
        "A length and a position for each row. Padding on the left keeps the newest tokens aligned; on the right each "
        "new token is scattered to its own place. The mask hides padded keys from every query, and positions count "
        "real tokens only.",
    ),
    Question(
        "follow-up",
        None,
        "One weight [k, n] meets a batch [b, m, k]: over which axes is its gradient summed, and how would you write "
        "that for any pair of shapes?",
        "Over leading axes that the operand lacks, and over axes where it has size 1, keeping those (sum_to_size). A "
        "sum, since each use adds its share by the chain rule. gradcheck does not see when it is missing.",
    ),
    Question(
        "follow-up",
        None,
        "When is a work-efficient scan (Blelloch) better than Hillis-Steele, and when is neither right for a matmul?",
        "Blelloch does O(n) work in about twice the depth: better where n is far larger than the machine is wide. "
        "Where only the last prefix is wanted, a tree reduction or a tuned GEMM wins: no partial product is stored.",
    ),
)


def questions(card: Scorecard, rubric: Rubric) -> tuple[Question, ...]:
    """Give the questions for this scorecard, the most valuable first."""
    if card.outcome is not Outcome.graded:
        return ()
    lines = {line.id: line for line in rubric.criteria}
    asked = []
    for result in sorted((c for c in card.criteria if _lost(c)), key=_worth):
        if (line := lines.get(result.id)) and line.question:
            asked.append(Question(_why(result), result.id, line.question, line.strong_answer))
    if not asked:
        return FOLLOW_UPS
    for result in card.criteria:
        line = lines.get(result.id)
        if result.bonus and result.verdict is Verdict.accepted and line and line.question:
            asked.append(Question("surprisingly right: bonus earned", result.id, line.question, line.strong_answer))
            break
    return tuple(asked)


def _lost(result: CriterionResult) -> bool:
    """Say whether points were lost; a bonus that was never handed in is no loss."""
    if result.verdict in (Verdict.accepted, Verdict.not_applicable, Verdict.harness_error):
        return False
    return not (result.bonus and result.verdict is Verdict.missing)


def _worth(result: CriterionResult) -> tuple[bool, bool, float]:
    """Order: what was tried before what is missing, the rubric proper before bonus, then by points."""
    return result.verdict is Verdict.missing, result.bonus, result.earned - result.points


def _why(result: CriterionResult) -> str:
    lost = points(result.points - result.earned)
    if result.verdict is Verdict.inconclusive:
        return f"{lost} points open: inconclusive"
    first = next((check.message for check in result.checks if check.verdict is result.verdict and check.message), "")
    unit = ("bonus " if result.bonus else "") + ("point" if lost == "1" else "points")
    what = f"{lost} {unit} lost: {MARKS[result.verdict].word}"
    return f"{what}. {short(first, 180)}" if first else what
