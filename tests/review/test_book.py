"""The book of reviews: what it was told is on the disk, for good, and nothing is changed behind anybody's back."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import folder
import pytest

from grader.errors import HarnessError, UsageError
from grader.models import Rubric
from grader.review.book import COMMENT_CHARS, Book, Refused, Stale, check_reviewer

ALICE = ("alice", folder.FILES)


def ask(book: Book, question: str) -> list[tuple[object, ...]]:
    """Look into the file as any other program would."""
    with closing(sqlite3.connect(book.path)) as connection:
        return connection.execute(question).fetchall()


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "reports")


def test_reading_makes_no_book(book: Book) -> None:
    """Grading without reviews leaves no file behind."""
    assert book.reviews() == {} and book.needed() == 1
    assert not book.path.exists()


def test_what_was_saved_comes_back_as_it_was_typed(book: Book, rubric: Rubric) -> None:
    """Every character: line ends, quotes, bidi marks, emoji, NUL; half a character is spelled out."""
    typed = 'it\'s\r\n\t"x" -- ; DROP TABLE entries;\u202e\u200d\U0001f469\u200d\U0001f4bb\ufe0f\x00 end'
    book.save(ALICE, "ann", rubric.reviews[0], 3, typed)
    assert Book(book.folder).review(ALICE).sheet("ann").given["review.debugging"].comment == typed
    book.save(ALICE, "ben", rubric.reviews[0], None, "\ud83d half")
    assert Book(book.folder).review(ALICE).sheet("ben").given["review.debugging"].comment == "\\ud83d half"


def test_marks_are_for_the_files_that_were_seen(book: Book, rubric: Rubric) -> None:
    """Other files of the same name, or another name, are another review."""
    folder.fill(book, rubric, "ann", 1, 2, 1)
    assert not book.review(("alice", folder.OTHER_FILES)).sheets
    assert not book.review(("bob", folder.FILES)).sheets
    assert set(book.reviews()) == set(book.reviews("alice")) == {ALICE} and book.reviews("bob") == {}


def test_nothing_is_ever_deleted(book: Book, rubric: Rubric) -> None:
    """A comment that is typed over, or emptied by mistake, is still in the file."""
    entry = book.save(ALICE, "ann", rubric.reviews[0], 3, "an hour of thought")
    book.save(ALICE, "ann", rubric.reviews[0], 3, "", entry.number)
    lines = ask(book, "SELECT comment FROM entries ORDER BY number")
    assert lines == [("an hour of thought",), ("",)]


def test_two_windows_do_not_overwrite_each_other(book: Book, rubric: Rubric) -> None:
    """Who types over something else than what is there is told, and what is there stays."""
    first = book.save(ALICE, "ann", rubric.reviews[0], 3, "first window")
    with pytest.raises(Stale):
        book.save(ALICE, "ann", rubric.reviews[0], 2, "second window")
    assert book.review(ALICE).sheet("ann").given["review.debugging"] == first
    second = book.save(ALICE, "ann", rubric.reviews[0], 2, "second window", first.number)
    with pytest.raises(Stale):
        book.save(ALICE, "ann", rubric.reviews[0], 4, "first window goes on", first.number)
    assert (
        book.save(ALICE, "ann", rubric.reviews[0], 2, "second window", first.number) == second
    )  # asked again: no harm


def test_a_sheet_that_is_in_does_not_change(book: Book, rubric: Rubric) -> None:
    """Neither by saving nor by handing in again; taken back, it does."""
    folder.fill(book, rubric, "ann", 1, 2, 1)
    with pytest.raises(Refused, match="take it back"):
        book.save(ALICE, "ann", rubric.reviews[0], 4, "changed my mind", 1)
    with pytest.raises(Refused, match="already"):
        book.hand_in(ALICE, "ann", rubric.reviews)
    book.take_back(ALICE, "ann")
    book.save(ALICE, "ann", rubric.reviews[0], 4, "changed my mind", 1)
    with pytest.raises(Refused):
        book.take_back(ALICE, "ann")


def test_a_sheet_with_gaps_is_not_taken(book: Book, rubric: Rubric) -> None:
    """Every item has a mark before a sheet counts; the refusal names what is missing."""
    book.save(ALICE, "ann", rubric.reviews[0], 3, "")
    book.save(ALICE, "ann", rubric.reviews[1], None, "no mark yet")
    with pytest.raises(Refused, match=r"review\.shapes, review\.scan"):
        book.hand_in(ALICE, "ann", rubric.reviews)


def test_no_marks_are_taken_back_or_settled_by_who_should_not(book: Book, rubric: Rubric) -> None:
    """After the other's sheet is in, marks are settled; who is not in settles nothing."""
    folder.fill(book, rubric, "ann", 1, 2, 1)
    with pytest.raises(Refused, match="your own sheet"):
        book.settle(ALICE, "ben", rubric.reviews[0], 3)
    book.need(2)
    with pytest.raises(Refused, match="still to come"):  # it would hide a disagreement that nobody knows of yet
        book.settle(ALICE, "ann", rubric.reviews[0], 4)
    folder.fill(book, rubric, "ben", 4, 2, 1)
    with pytest.raises(Refused, match="another sheet is in"):
        book.take_back(ALICE, "ann")
    settled = book.settle(ALICE, "ann", rubric.reviews[0], 3)
    with pytest.raises(Stale, match="ann settled this at 3"):
        book.settle(ALICE, "ben", rubric.reviews[0], 2)
    assert book.settle(ALICE, "ben", rubric.reviews[0], 2, settled.number).mark == 2


@pytest.mark.parametrize("mark", [-1, 5])
def test_marks_stay_on_their_scale(book: Book, rubric: Rubric, mark: int) -> None:
    """No mark below 0 or above the item's scale is kept."""
    with pytest.raises(Refused, match="0 to 4"):
        book.save(ALICE, "ann", rubric.reviews[0], mark, "")
    assert not book.review(ALICE).sheets


def test_a_comment_has_a_limit(book: Book, rubric: Rubric) -> None:
    """A comment of the largest size is kept, one more character is refused and says the limit."""
    entry = book.save(ALICE, "ann", rubric.reviews[0], 1, "x" * COMMENT_CHARS)
    with pytest.raises(Refused, match="10,001 characters; at most 10,000"):
        book.save(ALICE, "ann", rubric.reviews[0], 1, "x" * (COMMENT_CHARS + 1), entry.number)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31m", "\u202eann", "x" * 65])
def test_reviewers_have_names_that_can_be_read(name: str) -> None:
    """A name goes into scorecards and on terminals."""
    with pytest.raises(UsageError, match="no name of a reviewer"):
        check_reviewer(name)


def test_how_many_are_needed_is_remembered(book: Book) -> None:
    """The folder's rule outlives the desk that set it."""
    book.need(2)
    book.need(3)
    assert Book(book.folder).needed() == 3


def test_writes_are_forced_to_the_disk(book: Book) -> None:
    """A commit waits for the disk: write-ahead log, synchronous FULL."""
    with book._open() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("content", [b"not a database at all " * 100, b""])
def test_a_book_that_is_none_is_an_error_with_its_name(book: Book, rubric: Rubric, content: bytes) -> None:
    """A file that something else wrote is not overwritten; an empty one, as a full disk leaves it, is a new book."""
    book.folder.mkdir()
    book.path.write_bytes(content)
    if content:
        with pytest.raises(HarnessError, match=r"reviews\.sqlite cannot be used"):
            book.save(ALICE, "ann", rubric.reviews[0], 3, "")
        assert book.path.read_bytes() == content
    else:
        assert book.reviews() == {} and book.save(ALICE, "ann", rubric.reviews[0], 3, "").number == 1


def test_a_book_of_a_later_grader_is_left_alone(book: Book) -> None:
    """A layout that this grader does not know is an error, not a guess."""
    book.need(1)
    with book._open() as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(HarnessError, match="layout 2"):
        book.reviews()


def test_many_writers_lose_nothing(book: Book, rubric: Rubric) -> None:
    """Twelve reviewers who begin at once, on a book that is not there yet: every line of each is kept."""
    faults: list[Exception] = []
    ready = threading.Barrier(12)

    def write(who: str) -> None:
        try:
            ready.wait()
            seen = 0
            for i in range(10):
                seen = book.save(ALICE, who, rubric.reviews[0], i % 5, f"{who} {i}", seen).number
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(f"r{i}",)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert ask(book, "SELECT count(*) FROM entries")[0] == (120,)
    assert {s.given["review.debugging"].comment for s in book.review(ALICE).sheets} == {f"r{i} 9" for i in range(12)}


# --- killed -----------------------------------------------------------------------------------------------------------

# The child saves longer and longer comments and says the number of each that it was told is kept.
SAVING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import folder
from grader.review.book import Book
rubric = folder.rubric(Path(sys.argv[2]))
book = Book(Path(sys.argv[2]) / "reports")
there = book.review(("alice", folder.FILES)).sheet("ann").given.get("review.debugging")
seen, number = (there.number, int(there.comment.split()[0])) if there else (0, 0)
while True:
    number += 1
    comment = f"{number} " + "x" * (number % 3000)
    seen = book.save(("alice", folder.FILES), "ann", rubric.reviews[0], number % 5, comment, seen).number
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_killed_in_the_middle_of_saving_it_has_the_last_saved_state(tmp_path: Path) -> None:
    """SIGKILL at random moments, twelve times over: what was acknowledged is there, whole, and nothing else."""
    book = Book(tmp_path / "reports")
    told = 0
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", SAVING, str(Path(__file__).parent), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        first = child.stdout.readline()  # it has begun
        time.sleep(random.uniform(0, 0.2))
        child.send_signal(signal.SIGKILL)
        lines = [first, *child.stdout.readlines()]
        child.wait()
        child.stdout.close()
        acknowledged = [int(line) for line in lines if line.endswith("\n")]
        assert acknowledged and acknowledged[0] > told
        entry = book.review(ALICE).sheet("ann").given["review.debugging"]
        number = int(entry.comment.split()[0])
        assert number in (acknowledged[-1], acknowledged[-1] + 1)  # the one that was being saved may be there as well
        assert entry.comment == f"{number} " + "x" * (number % 3000) and entry.mark == number % 5
        assert ask(book, "PRAGMA integrity_check")[0] == ("ok",)
        told = number
    count = ask(book, "SELECT count(*) FROM entries")[0]
    assert count == (told,)
