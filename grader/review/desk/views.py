"""What one reviewer may see, ready for the pages. All of it goes through Review.seen_by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader import blind, score
from grader.models import ReviewItem, Rubric
from grader.report import html
from grader.report.desk import Earlier, ItemView, QueueRow, Said, SheetView
from grader.report.text import points, when
from grader.review import marks
from grader.review.book import Key
from grader.review.marks import Entry, Review, Sheet, Stage, Tally
from grader.review.queue import Case
from grader.store import Store


def queue(
    cases: Sequence[Case], reviews: Mapping[Key, Review], rubric: Rubric, needed: int, reviewer: str
) -> list[QueueRow]:
    """Give a row for each submission."""
    return [_row(case, reviews.get(case.key, Review()), rubric.reviews, needed, reviewer) for case in cases]


def _row(case: Case, review: Review, items: Sequence[ReviewItem], needed: int, reviewer: str) -> QueueRow:
    own = review.sheet(reviewer)
    stage = marks.stage(items, review, needed)
    if not own.handed_in:
        count = len(items) - len(own.unmarked(items))
        word, tone = (f"{count} of {len(items)} marks" if own.given else "not begun"), "ink"
    elif stage is Stage.unsettled:
        word, tone = "in; marks to settle", "warn"
    else:
        word, tone = "in", "pass"
    return QueueRow(
        name=case.shown,
        score=case.score,
        only=case.only,
        bonus=case.bonus,
        pending=case.pending,
        own=word,
        tone=tone,
        todo=not case.refused and tone != "pass",
        all=f"{len(review.complete)} of {max(needed, len(review.complete))}",
        final=case.final if own.handed_in else "",
        refused=case.refused,
    )


def sheet(
    case: Case, names: Sequence[str], reviews: Mapping[Key, Review], rubric: Rubric, needed: int, reviewer: str
) -> SheetView:
    """Give the page of one submission; names are those of the queue, in order."""
    whole = reviews.get(case.key, Review())
    seen = whole.seen_by(reviewer)
    own = seen.sheet(reviewer)
    tallies = marks.tallies(rubric.reviews, seen)
    place = names.index(case.shown) if case.shown in names else 0
    enough = bool(own.handed_in) and len(seen.complete) >= needed
    return SheetView(
        name=case.shown,
        digest=case.key[1],
        score=case.score_of,
        only=case.only,
        items=tuple(
            _compared(t, enough) if own.handed_in else _draft(t.item, own.given.get(t.item.id)) for t in tallies
        ),
        handed_in=own.handed_in or "",
        complete=len(whole.complete),  # how many, but not what they say
        needed=needed,
        may_take_back=whole.may_take_back(reviewer),
        final=case.final if own.handed_in else "",
        unsettled=sum(tally.open for tally in tallies) if enough else 0,
        earlier=_earlier(case, reviews, reviewer),
        before=names[place - 1] if place > 0 else "",
        after=names[place + 1] if place + 1 < len(names) else "",
    )


def _draft(item: ReviewItem, entry: Entry | None) -> ItemView:
    mark, comment, number = (entry.mark, entry.comment, entry.number) if entry else (None, "", 0)
    return ItemView(item.id, item.title, item.scale, item.anchors, mark, comment, number)


def _compared(tally: Tally, enough: bool) -> ItemView:
    item, settled = tally.item, tally.settled
    return ItemView(
        id=item.id,
        title=item.title,
        scale=item.scale,
        anchors=item.anchors,
        mark=settled.mark if settled else None,
        comment="",
        number=settled.number if settled else 0,
        said=tuple(Said(who, _mark(entry), entry.comment) for who, entry in tally.given),
        apart=tally.apart,
        open=enough and tally.open,
        result=points(tally.mark) if enough and tally.mark is not None else "",
        settled=f"{settled.reviewer}, {when(settled.at)}" if settled else "",
    )


def _earlier(case: Case, reviews: Mapping[Key, Review], reviewer: str) -> tuple[Earlier, ...]:
    """Give what was marked on other files of this name: one's own, and others' where one's own was in."""
    return tuple(
        Earlier(digest, sheet.reviewer, _given(sheet))
        for (name, digest), review in reviews.items()
        if name == case.name and digest != case.key[1]
        for sheet in review.seen_by(reviewer).sheets
        if sheet.given
    )


def _given(sheet: Sheet) -> tuple[tuple[str, str, str], ...]:
    return tuple((item, _mark(entry), entry.comment) for item, entry in sheet.given.items())


def _mark(entry: Entry) -> str:
    return "no mark" if entry.mark is None else str(entry.mark)


def report(store: Store, rubric: Rubric, review: Review, case: Case, reviewer: str) -> str:
    """Give the report as this reviewer may see it: its review sheet stays empty while the reviewer's own is a draft."""
    card = store.scorecard(case.name)
    if not review.sheet(reviewer).handed_in:
        card = score.reviewed(card, marks.for_scorecard(rubric.reviews, Review(), 1), rubric.weights)
    if case.shown != case.name:
        card = blind.conceal(card, case.name, case.shown)
    return html.render_report(card, rubric)
