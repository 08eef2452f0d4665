"""The book of reviews, reports/reviews.sqlite: lines are only ever added, and each is on the disk before it counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.errors import GraderError, HarnessError, UsageError
from grader.models import ReviewItem
from grader.review import marks
from grader.review.marks import Entry, Kind, Review

FILE = "reviews.sqlite"
VERSION = 1
BUSY_S = 10.0  # another process is at it
COMMENT_CHARS = 10_000
REVIEWER_CHARS = 64
SCHEMA = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL, digest TEXT NOT NULL,
    reviewer TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
    item TEXT NOT NULL, mark INTEGER, comment TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_submission ON entries (name, digest, reviewer, kind, item);
CREATE TABLE policy (needed INTEGER NOT NULL) STRICT;
"""
# Of many lines that say the same thing the last one holds. SQLite takes the other columns from the row of the maximum.
LATEST = """
SELECT name, digest, max(number), reviewer, kind, at, item, mark, comment FROM entries
WHERE name = ifnull(?, name) GROUP BY name, digest, reviewer, kind, item ORDER BY 3
"""
Key = tuple[str, str]  # name and digest of a submission: marks are for these files and no others


class Refused(GraderError):
    """What a reviewer asked for cannot be done as things are; nothing was changed."""


class Stale(Refused):
    """Somebody changed this meanwhile: another window, or another reviewer."""


@dataclass(frozen=True)
class Book:
    """What reviewers wrote about the submissions of one reports folder.

    Every method raises HarnessError where the disk does not do its part. What a method was told is on the disk when it
    returns, and stays there through a crash.
    """

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def reviews(self, name: str | None = None) -> dict[Key, Review]:
        """Give the review of each submission, or of those with one name; what nobody wrote about is left out."""
        if not self.path.exists():
            return {}
        with self._open() as connection:
            return _reviews(connection, name)

    def review(self, key: Key) -> Review:
        """Give the review of one submission."""
        return self.reviews(key[0]).get(key, Review())

    # --- what reviewers do -------------------------------------------------------------------------------------------

    def save(self, key: Key, reviewer: str, item: ReviewItem, mark: int | None, comment: str, seen: int = 0) -> Entry:
        """Keep a mark and comment as they stand; seen is the number of the entry that they are typed over.

        Raises Stale where another window wrote meanwhile, and Refused where the sheet is handed in.
        """
        _check(item, mark)
        comment = comment.encode("utf-8", "backslashreplace").decode()  # half of a character has no place in a file
        if len(comment) > COMMENT_CHARS:
            raise Refused(f"a comment has {len(comment):,} characters; at most {COMMENT_CHARS:,} are kept")
        with self._changing(key) as (connection, review):
            sheet = review.sheet(reviewer)
            if sheet.handed_in:
                raise Refused("this sheet is handed in; take it back to change it")
            there = sheet.given.get(item.id)
            if there is not None and (there.mark, there.comment) == (mark, comment):
                return there
            if there is not None and there.number != seen:
                raise Stale("this was changed in another window")
            return _add(connection, key, reviewer, Kind.saved, item.id, mark, comment)

    def hand_in(self, key: Key, reviewer: str, items: tuple[ReviewItem, ...]) -> Entry:
        """Close a reviewer's sheet. Raises Refused while an item has no mark."""
        with self._changing(key) as (connection, review):
            sheet = review.sheet(reviewer)
            if sheet.handed_in:
                raise Refused("this sheet is handed in already")
            if left := sheet.unmarked(items):
                raise Refused(f"no mark yet for {', '.join(item.id for item in left)}")
            return _add(connection, key, reviewer, Kind.handed_in)

    def take_back(self, key: Key, reviewer: str) -> Entry:
        """Make a sheet a draft again. Raises Refused once another is in, for each has then seen the other's."""
        with self._changing(key) as (connection, review):
            if not review.may_take_back(reviewer):
                raise Refused("another sheet is in, so marks are settled together now")
            return _add(connection, key, reviewer, Kind.taken_back)

    def settle(self, key: Key, reviewer: str, item: ReviewItem, mark: int, seen: int = 0) -> Entry:
        """Set the mark that reviewers agreed on.

        Raises Refused before one's own sheet and enough others are in, and Stale as save does.
        """
        _check(item, mark)
        with self._changing(key) as (connection, review):
            if not review.sheet(reviewer).handed_in:
                raise Refused("hand in your own sheet first")
            if len(review.complete) < _needed(connection):
                raise Refused("another sheet is still to come; marks are settled by those who gave them")
            there = review.settled.get(item.id)
            if there is not None and there.mark == mark:
                return there
            if there is not None and there.number != seen:
                raise Stale(f"{there.reviewer} settled this at {there.mark} meanwhile")
            return _add(connection, key, reviewer, Kind.settled, item.id, mark)

    # --- how many reviewers a submission needs -----------------------------------------------------------------------

    def needed(self) -> int:
        """Give how many sheets make a final mark; one unless it was said otherwise."""
        if not self.path.exists():
            return 1
        with self._open() as connection:
            return _needed(connection)

    def need(self, sheets: int) -> None:
        """Say for good how many sheets make a final mark in this folder."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM policy")
            connection.execute("INSERT INTO policy VALUES (?)", [sheets])
            connection.execute("COMMIT")

    # --- when candidates' data has to go ------------------------------------------------------------------------------

    def forget(self, names: Collection[str]) -> None:
        """Remove all that was ever written about submissions of these names, from the disk too."""
        if not self.path.exists() or not names:
            return
        with self._open() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM entries WHERE name = ?", [[name] for name in names])
            connection.execute("COMMIT")
            connection.execute("VACUUM")  # what sqlite keeps of removed rows for reuse
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- the file ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _changing(self, key: Key) -> Iterator[tuple[sqlite3.Connection, Review]]:
        """Hold the book while one entry is decided upon; what is raised meanwhile leaves it as it was."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection, _reviews(connection, key[0]).get(key, Review())
            connection.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the book, new where there is none; what is not committed when it closes is gone."""
        connection = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
            _lay_out(connection)
            yield connection
        except (sqlite3.Error, OSError) as error:
            raise HarnessError(f"{self.path} cannot be used: {error}; what was saved before is still there") from None
        finally:
            if connection is not None:
                connection.close()


def _reviews(connection: sqlite3.Connection, only: str | None) -> dict[Key, Review]:
    found: dict[Key, list[Entry]] = {}
    for name, digest, number, reviewer, kind, *rest in connection.execute(LATEST, [only]):
        found.setdefault((name, digest), []).append(Entry(number, reviewer, Kind(kind), *rest))
    return {key: marks.read(entries) for key, entries in found.items()}


def _needed(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT needed FROM policy").fetchone()
    return 1 if row is None else int(row[0])


def _lay_out(connection: sqlite3.Connection) -> None:
    def version() -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    if version() == 0:
        connection.execute("BEGIN IMMEDIATE")  # two may find it empty
        if version() == 0:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    if version() != VERSION:
        raise sqlite3.DatabaseError(f"it is of layout {version()}; this grader knows {VERSION}")


def _add(
    connection: sqlite3.Connection,
    key: Key,
    reviewer: str,
    kind: Kind,
    item: str = "",
    mark: int | None = None,
    comment: str = "",
) -> Entry:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    number = connection.execute(
        "INSERT INTO entries (name, digest, reviewer, kind, at, item, mark, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [*key, reviewer, kind.value, at, item, mark, comment],
    ).lastrowid
    assert number is not None
    return Entry(number, reviewer, kind, at, item, mark, comment)


def _check(item: ReviewItem, mark: int | None) -> None:
    if mark is not None and not 0 <= mark <= item.scale:
        raise Refused(f"{mark} is no mark for {item.id}; marks go from 0 to {item.scale}")


def check_reviewer(name: str) -> str:
    """Give a reviewer's name without blanks around it. Raises UsageError where it could not be told from another."""
    name = name.strip()
    if not name or len(name) > REVIEWER_CHARS or not name.isprintable():
        raise UsageError(f"{name!r} is no name of a reviewer; give 1 to {REVIEWER_CHARS} printable characters")
    return name
