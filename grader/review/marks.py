"""From what reviewers wrote to marks: pure. Who sees what, where they disagree, and what goes into the scorecard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from grader.models import ReviewItem, ReviewMark

FAR_APART = 0.5  # of an item's scale: 2 marks of 4, as docs/interviewing.md says


class Kind(StrEnum):
    """What an entry of the book says."""

    saved = "saved"  # a reviewer's mark and comment for one item, as last typed
    handed_in = "handed_in"  # a reviewer's sheet is done, and no longer changes
    taken_back = "taken_back"  # and is a draft again
    settled = "settled"  # the mark that the reviewers agreed on for one item


@dataclass(frozen=True)
class Entry:
    """One line of the book. Lines are added, never changed: what was typed stays."""

    number: int  # later ones are larger
    reviewer: str
    kind: Kind
    at: str  # ISO 8601, UTC
    item: str = ""
    mark: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class Sheet:
    """One reviewer's marks for one submission."""

    reviewer: str
    given: Mapping[str, Entry] = field(default_factory=dict)  # by item
    handed_in: str | None = None  # when

    def unmarked(self, items: Iterable[ReviewItem]) -> tuple[ReviewItem, ...]:
        """Give the items that have no mark here yet."""
        return tuple(item for item in items if item.id not in self.given or self.given[item.id].mark is None)


@dataclass(frozen=True)
class Review:
    """Everything that was written about one submission, or the part of it that one reviewer may see."""

    sheets: tuple[Sheet, ...] = ()
    settled: Mapping[str, Entry] = field(default_factory=dict)  # by item

    @property
    def complete(self) -> tuple[Sheet, ...]:
        """Give the sheets that are handed in."""
        return tuple(sheet for sheet in self.sheets if sheet.handed_in)

    def sheet(self, reviewer: str) -> Sheet:
        """Give a reviewer's sheet, empty where nothing was written on it."""
        return next((sheet for sheet in self.sheets if sheet.reviewer == reviewer), Sheet(reviewer))

    def seen_by(self, reviewer: str) -> Review:
        """Leave out what would sway this reviewer: all that others wrote until both are in, and drafts for good."""
        own = self.sheet(reviewer)
        if not own.handed_in:
            return Review((own,))
        return replace(self, sheets=tuple(s for s in self.sheets if s.handed_in))

    def may_take_back(self, reviewer: str) -> bool:
        """Tell whether nobody has seen this reviewer's sheet, nor this reviewer another's."""
        return [sheet.reviewer for sheet in self.complete] == [reviewer]


def read(entries: Iterable[Entry]) -> Review:
    """Put entries together: of those that say the same thing the last one holds."""
    sheets: dict[str, Sheet] = {}
    settled: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.number):
        sheet = sheets.get(entry.reviewer, Sheet(entry.reviewer))
        if entry.kind is Kind.settled:
            settled[entry.item] = entry
            continue
        if entry.kind is Kind.saved:
            sheet = replace(sheet, given={**sheet.given, entry.item: entry})
        elif entry.kind is Kind.handed_in:
            sheet = replace(sheet, handed_in=entry.at)
        else:
            sheet = replace(sheet, handed_in=None)
            settled.clear()  # it was the only sheet, and what was settled was about it
        sheets[entry.reviewer] = sheet
    return Review(tuple(sheets[name] for name in sorted(sheets)), settled)


# --- several reviewers, one mark --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """What the sheets that are in come to for one item."""

    item: ReviewItem
    given: tuple[tuple[str, Entry], ...]  # (reviewer, what was given)
    settled: Entry | None

    @property
    def apart(self) -> int:
        """Give the distance between the highest and the lowest mark."""
        marks = [entry.mark for _, entry in self.given if entry.mark is not None]
        return max(marks) - min(marks) if marks else 0

    @property
    def open(self) -> bool:
        """Tell whether the reviewers have to settle this: their marks are far apart, or there is none."""
        nobody = all(entry.mark is None for _, entry in self.given)
        return self.settled is None and (nobody or self.apart >= FAR_APART * self.item.scale)

    @property
    def mark(self) -> float | None:
        """Give the settled mark, else the mean of those given; none while it is open."""
        if self.settled is not None:
            return self.settled.mark
        marks = [entry.mark for _, entry in self.given if entry.mark is not None]
        return None if self.open else sum(marks) / len(marks)


def tallies(items: Sequence[ReviewItem], review: Review) -> tuple[Tally, ...]:
    """Compare the sheets that are in, item by item."""
    return tuple(
        Tally(
            item,
            tuple((sheet.reviewer, sheet.given[item.id]) for sheet in review.complete if item.id in sheet.given),
            review.settled.get(item.id),
        )
        for item in items
    )


class Stage(StrEnum):
    """How far the review of one submission is."""

    open = "open"  # fewer sheets are in than it needs
    unsettled = "unsettled"  # enough are in, and they differ
    final = "final"


def stage(items: Sequence[ReviewItem], review: Review, needed: int) -> Stage:
    """Say how far a review is that needs so many sheets."""
    if len(review.complete) < needed:
        return Stage.open
    return Stage.unsettled if any(tally.open for tally in tallies(items, review)) else Stage.final


def for_scorecard(items: Sequence[ReviewItem], review: Review, needed: int) -> tuple[ReviewMark, ...]:
    """Give what the scorecard says of the review: nothing before enough sheets are in, for others are still blind."""
    if stage(items, review, needed) is Stage.open:
        return tuple(ReviewMark(id=item.id, title=item.title, scale=item.scale) for item in items)
    return tuple(_mark(tally) for tally in tallies(items, review))


def _mark(tally: Tally) -> ReviewMark:
    item, settled = tally.item, tally.settled
    alone = len(tally.given) == 1 and settled is None
    said = [(f"{who}, {entry.mark}: ", entry.comment.strip()) for who, entry in tally.given if entry.comment.strip()]
    by = [settled] if settled else [entry for _, entry in tally.given if entry.mark is not None]
    marked = tally.mark is not None
    return ReviewMark(
        id=item.id,
        title=item.title,
        scale=item.scale,
        mark=tally.mark,
        comment="\n".join(text if alone else who + text for who, text in said),
        by=tuple(entry.reviewer for entry in by) if marked else (),
        at=max(entry.at for entry in by) if marked else None,
    )
