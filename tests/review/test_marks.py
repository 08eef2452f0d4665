"""Who sees whose marks, where they disagree, and what they come to."""

from __future__ import annotations

import itertools

import pytest

from grader.models import ReviewItem
from grader.review import marks
from grader.review.marks import Entry, Kind, Review, Stage

DEBUGGING = ReviewItem(id="review.debugging", title="Debugging", scale=4, anchors=tuple("01234"))
SCAN = ReviewItem(id="review.scan", title="Scan", scale=2, anchors=tuple("012"))
ITEMS = (DEBUGGING, SCAN)


def review(*lines: tuple[object, ...]) -> Review:
    """Give the review that comes of (who, kind, item, mark, comment), in this order."""
    entries = []
    for number, line in enumerate(lines, 1):
        who, kind, item, mark, comment = (*line, *("", None, "")[len(line) - 2 :])
        entries.append(Entry(number, str(who), Kind(str(kind)), f"2026-01-01T00:00:{number:02}", item, mark, comment))  # type: ignore[arg-type]
    return marks.read(entries)


def sheet(who: str, debugging: int, scan: int, handed_in: bool = True) -> list[tuple[object, ...]]:
    lines: list[tuple[object, ...]] = [
        (who, "saved", DEBUGGING.id, debugging, f"{who} says"),
        (who, "saved", SCAN.id, scan),
    ]
    return [*lines, (who, "handed_in")] if handed_in else lines


def test_the_last_line_holds() -> None:
    """A mark that is typed over is the one that counts, and a sheet may be taken back and handed in again."""
    found = review(("ann", "saved", SCAN.id, 1, "a"), ("ann", "saved", SCAN.id, 2, "ab")).sheet("ann")
    assert (found.given[SCAN.id].mark, found.given[SCAN.id].comment, found.given[SCAN.id].number) == (2, "ab", 2)
    assert not found.handed_in
    found = review(*sheet("ann", 1, 1), ("ann", "taken_back"), ("ann", "saved", SCAN.id, 2)).sheet("ann")
    assert not found.handed_in and found.given[SCAN.id].mark == 2
    assert review(*sheet("ann", 1, 1), ("ann", "taken_back"), ("ann", "handed_in")).sheet("ann").handed_in


def test_the_order_in_which_lines_are_read_says_nothing() -> None:
    """The book gives lines in any order; their numbers count."""
    lines = list(enumerate([("saved", 1), ("handed_in", None), ("taken_back", None), ("saved", 2)], 1))
    entries = [Entry(n, "ann", Kind(kind), "t", SCAN.id if mark else "", mark) for n, (kind, mark) in lines]
    read = {marks.read(order) == marks.read(entries) for order in itertools.permutations(entries)}
    assert read == {True}


def test_nobody_sees_anything_of_others_before_the_own_sheet_is_in() -> None:
    """Who has not handed in sees the own draft alone: no mark, comment, name or common mark of anybody else."""
    whole = review(*sheet("ann", 1, 1), *sheet("ben", 4, 2, handed_in=False), ("ann", "settled", SCAN.id, 2))
    for reader in ("ben", "cat"):
        seen = whole.seen_by(reader)
        assert [sheet.reviewer for sheet in seen.sheets] == [reader] and not seen.settled
    assert whole.seen_by("ben").sheet("ben").given[DEBUGGING.id].mark == 4


def test_drafts_are_never_seen_by_others() -> None:
    """Handing in shows the sheets that are in; what another still types stays that one's own."""
    seen = review(*sheet("ann", 1, 1), *sheet("ben", 4, 2, handed_in=False)).seen_by("ann")
    assert [sheet.reviewer for sheet in seen.sheets] == ["ann"]
    seen = review(*sheet("ann", 1, 1), *sheet("ben", 4, 2), *sheet("cat", 2, 2, handed_in=False)).seen_by("ann")
    assert [sheet.reviewer for sheet in seen.sheets] == ["ann", "ben"]


def test_a_sheet_that_another_has_seen_cannot_be_taken_back() -> None:
    """Nobody changes marks after reading the other's."""
    assert review(*sheet("ann", 1, 1)).may_take_back("ann")
    assert review(*sheet("ann", 1, 1), *sheet("ben", 1, 1, handed_in=False)).may_take_back("ann")
    both = review(*sheet("ann", 1, 1), *sheet("ben", 4, 2))
    assert not both.may_take_back("ann") and not both.may_take_back("ben") and not both.may_take_back("cat")


def test_one_reviewer_is_enough_where_one_is_needed() -> None:
    """A single sheet that is in is final, comment as it was written."""
    one = review(*sheet("ann", 3, 1))
    assert marks.stage(ITEMS, one, 1) is Stage.final
    first, second = marks.for_scorecard(ITEMS, one, 1)
    assert (first.mark, first.comment, first.by) == (3, "ann says", ("ann",)) and first.at == "2026-01-01T00:00:01"
    assert (second.mark, second.comment) == (1, "")


def test_a_draft_or_too_few_sheets_leave_the_scorecard_as_it_was() -> None:
    """What goes into the scorecard everybody can read: nothing before the last needed sheet is in."""
    for so_far in (review(*sheet("ann", 3, 1, handed_in=False)), review(*sheet("ann", 3, 1))):
        assert marks.stage(ITEMS, so_far, 2) is Stage.open
        for mark in marks.for_scorecard(ITEMS, so_far, 2):
            assert (mark.mark, mark.comment, mark.by, mark.at) == (None, "", (), None)


@pytest.mark.parametrize(
    ("debugging", "scan", "apart"), [(3, 1, ()), (2, 1, ("review.debugging",)), (4, 0, ("review.scan",))]
)
def test_marks_that_are_far_apart_are_settled_and_others_averaged(
    debugging: int, scan: int, apart: tuple[str, ...]
) -> None:
    """Half of an item's scale apart is a disagreement: 2 of 4, 1 of 2; less gives the mean."""
    lines = [*sheet("ann", 4, 1), *sheet("ben", debugging, scan)]
    if scan == 1:
        assert [tally.item.id for tally in marks.tallies(ITEMS, review(*lines)) if tally.open] == list(apart)
    expected = {"review.debugging": (4 + debugging) / 2, "review.scan": (1 + scan) / 2}
    for mark in marks.for_scorecard(ITEMS, review(*lines), 2):
        assert mark.mark == (None if mark.id in apart else expected[mark.id])
        assert mark.by == (() if mark.id in apart else ("ann", "ben"))
    assert marks.stage(ITEMS, review(*lines), 2) is (Stage.unsettled if apart else Stage.final)


def test_a_settled_mark_counts_and_both_comments_stay() -> None:
    """The scorecard names who settled it, and keeps what each had given."""
    lines = [
        *sheet("ann", 4, 2),
        *sheet("ben", 1, 2),
        ("ben", "settled", DEBUGGING.id, 3),
        ("ann", "settled", DEBUGGING.id, 2),
    ]
    (first, _) = marks.for_scorecard(ITEMS, review(*lines), 2)
    assert (first.mark, first.by, first.at) == (2, ("ann",), "2026-01-01T00:00:08")
    assert first.comment == "ann, 4: ann says\nben, 1: ben says"
    assert marks.stage(ITEMS, review(*lines), 2) is Stage.final


def test_a_sheet_that_is_taken_back_takes_what_was_settled_along() -> None:
    """Who changes marks and hands in again is not overruled by what was settled on the old ones."""
    again = review(*sheet("ann", 4, 2), ("ann", "settled", SCAN.id, 0), ("ann", "taken_back"), *sheet("ann", 4, 1))
    assert marks.for_scorecard(ITEMS, again, 1)[1].mark == 1


def test_an_item_that_nobody_marked_is_open() -> None:
    """A rubric that gained an item after sheets were handed in leaves that item to settle, not at zero."""
    later = ReviewItem(id="review.cost", title="Cost", scale=4, anchors=tuple("01234"))
    lines = sheet("ann", 4, 2)
    assert marks.stage((*ITEMS, later), review(*lines), 1) is Stage.unsettled
    assert marks.for_scorecard((*ITEMS, later), review(*lines), 1)[2].mark is None
    settled = review(*lines, ("ann", "settled", later.id, 0))
    assert marks.for_scorecard((*ITEMS, later), settled, 1)[2].mark == 0


def test_a_late_third_sheet_counts_too() -> None:
    """More sheets than needed are welcome, and reopen what they disagree with."""
    two = [*sheet("ann", 3, 1), *sheet("ben", 3, 1)]
    assert marks.for_scorecard(ITEMS, review(*two, *sheet("cat", 4, 1)), 2)[0].mark == pytest.approx(10 / 3)
    assert marks.stage(ITEMS, review(*two, *sheet("cat", 1, 1)), 2) is Stage.unsettled
