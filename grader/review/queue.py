"""The submissions of a reports folder, read again only where their scorecards changed."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path

from grader import blind
from grader.errors import HarnessError
from grader.report import brief
from grader.report.text import points
from grader.report.words import OUTCOMES
from grader.review.book import Key
from grader.review.publish import key, why_not
from grader.store import NAME_CHARS, Store

NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{NAME_CHARS - 1}}}")


@dataclass(frozen=True)
class Case:
    """One submission, as the queue shows it."""

    key: Key
    score: str  # or the outcome, where there is none
    score_of: str  # joined to the most that can be had
    only: str  # what a partial run covers
    bonus: str
    pending: str
    final: str
    refused: str  # why it cannot be reviewed
    shown: str  # the name that reviewers see: a code name at a blind desk

    @property
    def name(self) -> str:
        return self.key[0]


class Queue:
    """Every submission of the folder that has a scorecard, in the order of the names that reviewers see."""

    def __init__(self, store: Store, rubric_digest: str, book: Path | None = None) -> None:
        """Take the book of code names where the desk is blind."""
        self._store, self._digest, self._book = store, rubric_digest, book
        self._codes: dict[str, str] = {}
        self._read: dict[str, tuple[tuple[int, ...], Case]] = {}
        self._lock = threading.Lock()

    def cases(self) -> list[Case]:
        """Give all of them; folders whose scorecard cannot be read, or is another's, are left out."""
        names = [path.parent.name for path in sorted(self._store.folder.glob("*/scorecard.json"))]
        if self._book is not None and not self._codes.keys() >= set(names):
            self._codes = blind.codes(names, self._book)
        cases = [case for name in names if (case := self._case(name))]
        return cases if self._book is None else sorted(cases, key=lambda case: case.shown)

    def case(self, shown: str) -> Case | None:
        """Give one of them by the name that reviewers see; no name leads out of the folder."""
        if self._book is None:
            return self._case(shown)
        return next((case for case in self.cases() if case.shown == shown), None)

    def _case(self, name: str) -> Case | None:
        if not NAME.fullmatch(name):
            return None
        try:
            status = (self._store.folder / name / "scorecard.json").stat()
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
            with self._lock:
                there = self._read.get(name)
                if there is None or there[0] != mark:
                    there = self._read[name] = (mark, self._summary(name))
            return there[1] if there[1].name == name else None
        except (OSError, HarnessError):
            return None

    def _summary(self, name: str) -> Case:
        card = self._store.scorecard(name)
        return Case(
            key=key(card),
            score=OUTCOMES[card.outcome] if card.score is None else brief.score(card),
            score_of=brief.score(card, " of "),
            only=brief.scope(card),
            bonus=f"+{points(card.bonus)}" if card.bonus else "",
            pending=points(card.pending) if card.pending else "",
            final="" if card.final is None else points(card.final),
            refused=why_not(card, self._digest),
            shown=card.submission.name if card.submission.blind else self._codes.get(name, name),
        )
