"""From the book into scorecards, reports and index: what reviewers agreed on, for the files that they saw."""

from __future__ import annotations

from collections.abc import Callable

from grader import rubric as rubrics
from grader import score
from grader.models import Outcome, Rubric, Scorecard
from grader.review import marks
from grader.review.book import Book, Key
from grader.store import Store


def key(card: Scorecard) -> Key:
    """Give what marks are tied to: the submission's name and the digest of its files."""
    return card.submission.name, card.submission.digest


def why_not(card: Scorecard, rubric_digest: str) -> str:
    """Say why a submission cannot be reviewed; nothing where it can."""
    if card.outcome is not Outcome.graded:
        return f"there is nothing to weigh with a review; outcome: {card.outcome.value.replace('_', ' ')}"
    if card.run.rubric_digest != rubric_digest:
        return "it was graded by another rubric; name that one with --rubric, or grade again"
    return ""


def marking(book: Book, rubric: Rubric) -> Callable[[Scorecard], Scorecard]:
    """Give what puts the book's marks into a scorecard. One that nobody wrote about stays as it is."""
    digest = rubrics.digest(rubric)

    def marked(card: Scorecard) -> Scorecard:
        review = book.review(key(card))
        if not review.sheets or why_not(card, digest):
            return card
        given = marks.for_scorecard(rubric.reviews, review, book.needed())
        return score.reviewed(card, given, rubric.weights)

    return marked


def publish(store: Store, rubric: Rubric, name: str) -> Scorecard:
    """Bring a scorecard's marks and its report up to date. Raises HarnessError."""
    card = store.mark(name)
    if store.report_is_old(card):
        store.report(card, rubric)
    return card
