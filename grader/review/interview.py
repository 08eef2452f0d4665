"""The review in a terminal: one question after the other, each answer kept before the next is asked."""

from __future__ import annotations

import re

import typer

from grader import rubric as rubrics
from grader.errors import UsageError
from grader.models import ReviewItem, Rubric, Scorecard
from grader.report import brief
from grader.review import marks, publish
from grader.review.book import Book, Key, Refused
from grader.review.marks import Sheet, Stage, Tally
from grader.store import Store
from grader.terminal import safe

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
COMMENT_CHARS = 2000  # that are shown


def hold(book: Book, rubric: Rubric, name: str, reviewer: str) -> int:
    """Ask reviewer for the marks of one submission and put them into its scorecard once enough sheets are in."""
    store = Store(book.folder, publish.marking(book, rubric))
    if not NAME.fullmatch(name) or not (book.folder / name / "scorecard.json").is_file():
        raise UsageError(f"no scorecard of {name!r} in {book.folder}; `grade` writes one")
    card = store.scorecard(name)
    if why := publish.why_not(card, rubrics.digest(rubric)):
        raise UsageError(f"{name} cannot be reviewed: {why}")
    key = publish.key(card)
    _introduce(book, card, reviewer)
    try:
        if book.review(key).may_take_back(reviewer) and not _yes("\nyour sheet is handed in. Leave it so"):
            book.take_back(key, reviewer)
        if not book.review(key).sheet(reviewer).handed_in:
            _ask_all(book, key, rubric, reviewer)
            _hand_in(book, key, rubric, reviewer)
        if book.review(key).sheet(reviewer).handed_in:
            _compare(book, key, rubric, reviewer)
    except (EOFError, KeyboardInterrupt):
        print("\nwhat was given is kept; the same command goes on from there")
        raise typer.Abort from None
    except Refused as error:
        raise UsageError(f"{name}: {error}") from None
    finally:
        card = publish.publish(store, rubric, name)
    store.index(rubric)
    _conclude(book, key, rubric, card)
    return 0


def _introduce(book: Book, card: Scorecard, reviewer: str) -> None:
    name, digest = publish.key(card)
    print(f"{name}, {safe(brief.standing(card))}; {book.folder / name / 'report.html'}")
    print(f"marks of {safe(reviewer)}. Enter keeps what stands in [brackets], Ctrl-C stops and keeps what was given.")
    for (_, other), review in book.reviews(name).items():
        if other != digest and reviewer in [sheet.reviewer for sheet in review.sheets]:
            print(f"note: you have marked an earlier submission of this name, with other files ({other[:19]}...)")


# --- one's own sheet --------------------------------------------------------------------------------------------------


def _ask_all(book: Book, key: Key, rubric: Rubric, reviewer: str) -> None:
    for number, item in enumerate(rubric.reviews, 1):
        print(f"\n{number} of {len(rubric.reviews)}  {item.title} ({item.id})")
        for mark, anchor in enumerate(item.anchors):
            print(f"  {mark}  {anchor}")
        _ask(book, key, item, book.review(key).sheet(reviewer))


def _ask(book: Book, key: Key, item: ReviewItem, sheet: Sheet) -> None:
    """Ask for comment and mark, in this order, so that the mark follows from what was seen."""
    there = sheet.given.get(item.id)
    mark, comment, seen = (there.mark, there.comment, there.number) if there else (None, "", 0)
    typed = input(f"comment, - for none [{safe(comment, COMMENT_CHARS)}]: " if comment else "comment: ").strip()
    if typed and typed != comment:
        comment = "" if typed == "-" else typed
        seen = book.save(key, sheet.reviewer, item, mark, comment, seen).number
    mark = _ask_mark(item, mark)
    if mark is not None:
        book.save(key, sheet.reviewer, item, mark, comment, seen)


def _ask_mark(item: ReviewItem, there: int | None) -> int | None:
    while True:
        typed = input(f"mark, 0 to {item.scale}{'' if there is None else f' [{there}]'}: ").strip()
        if not typed:
            return there
        if re.fullmatch(r"[0-9]{1,3}", typed) and int(typed) <= item.scale:
            return int(typed)
        print(f"  {safe(typed)!r} is no mark; a whole number from 0 to {item.scale}, or Enter to leave it")


def _hand_in(book: Book, key: Key, rubric: Rubric, reviewer: str) -> None:
    left = book.review(key).sheet(reviewer).unmarked(rubric.reviews)
    if left:
        print(f"\nno mark yet for {', '.join(item.id for item in left)}: kept as a draft")
    elif _yes("\nhand in? It cannot be changed once another reviewer has seen it"):
        book.hand_in(key, reviewer, rubric.reviews)


def _yes(question: str) -> bool:
    return input(f"{question} [Y/n]: ").strip().lower() in ("", "y", "yes")


# --- together ---------------------------------------------------------------------------------------------------------


def _compare(book: Book, key: Key, rubric: Rubric, reviewer: str) -> None:
    """Show what all gave, and ask for a common mark where they are far apart."""
    review = book.review(key).seen_by(reviewer)
    if len(review.complete) < 2:
        return
    print()
    for tally in marks.tallies(rubric.reviews, review):
        _show(tally)
        if tally.open and len(review.complete) >= book.needed():
            agreed = _ask_mark(tally.item, None)
            if agreed is not None:
                book.settle(key, reviewer, tally.item, agreed)


def _show(tally: Tally) -> None:
    mark = "open" if tally.mark is None else f"{tally.mark:g}"
    settled = f", settled by {safe(tally.settled.reviewer)}" if tally.settled else ""
    print(f"{tally.item.id:<24} {mark}{settled}")
    for who, entry in tally.given:
        print(f"    {safe(who)} gave {entry.mark}: {safe(entry.comment, COMMENT_CHARS)}")
    if tally.open:
        print(f"  {tally.apart} apart: read the anchors again and settle on one mark, or Enter to leave it open")


def _conclude(book: Book, key: Key, rubric: Rubric, card: Scorecard) -> None:
    review, needed = book.review(key), book.needed()
    stage = marks.stage(rubric.reviews, review, needed)
    if stage is Stage.final and card.final is not None:
        print(f"\nfinal: {card.final:g} of {card.max_score:g}; it is in the scorecard and the report")
    elif stage is Stage.final and card.run.only:
        print(f"\nnot final: only {safe(card.run.only)} was graded; grade it without --only, the marks are kept")
    elif stage is Stage.unsettled:
        print("\nnot final: the reviewers' marks are far apart")
    elif review.complete:
        print(f"\nnot final: {len(review.complete)} of {needed} sheets are in")
