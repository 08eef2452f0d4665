"""Marks flow into scorecards and reports, follow a regrade of the same files, and never cost a grade."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import folder
import pytest

from grader import cli, score
from grader.errors import HarnessError
from grader.models import ReviewMark, Rubric, Scorecard
from grader.review.book import Book
from grader.review.publish import marking, publish
from grader.store import Store, names

ALICE = ("alice", folder.FILES)


@pytest.fixture
def reports(tmp_path: Path, rubric: Rubric) -> Store:
    return folder.store(tmp_path / "reports", rubric)


@pytest.fixture
def book(reports: Store) -> Book:
    return Book(reports.folder)


def history(reports: Store) -> list[Scorecard]:
    paths = sorted((reports.folder / "alice" / "history").glob("*.json"))
    return [Scorecard.model_validate_json(path.read_bytes()) for path in paths]


def test_final_marks_are_in_scorecard_and_report_with_who_and_when(reports: Store, book: Book, rubric: Rubric) -> None:
    """70 to 30: 80 points and 4/4, 2/4, 1/2 of the review make 76; the earlier scorecard is in the history."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann <b>", 4, 2, 1)
    card = publish(reports, rubric, "alice")
    assert card == reports.scorecard("alice")
    assert card.final == pytest.approx(0.7 * 80 + 0.3 * 100 * (1 + 0.5 + 0.5) / 3, abs=1e-4)
    assert [(mark.mark, mark.by) for mark in card.reviews] == [(4, ("ann <b>",)), (2, ("ann <b>",)), (1, ("ann <b>",))]
    assert all(mark.at and mark.at.endswith("+00:00") for mark in card.reviews)
    page = (reports.folder / "alice" / "report.html").read_text()
    assert "ann &lt;b&gt; on review.debugging" in page and "ann &lt;b&gt;, 20" in page and " UTC</p>" in page
    assert [earlier.final for earlier in history(reports)] == [None]


def test_publishing_again_changes_nothing(reports: Store, book: Book, rubric: Rubric) -> None:
    """Scorecard, report and history stay as they are, to the byte and the second."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann", 4, 2, 1)
    publish(reports, rubric, "alice")
    before = {path: path.stat().st_mtime_ns for path in reports.folder.rglob("*.json")}
    publish(reports, rubric, "alice")
    assert {path: path.stat().st_mtime_ns for path in reports.folder.rglob("*.json")} == before


def test_a_report_that_a_crash_left_behind_is_written(reports: Store, book: Book, rubric: Rubric) -> None:
    """Between scorecard and report lies a moment; the next publication closes it."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann", 4, 2, 1)
    reports.mark("alice")
    assert not (reports.folder / "alice" / "report.html").exists()
    publish(reports, rubric, "alice")
    assert "ann on review.scan" in (reports.folder / "alice" / "report.html").read_text()


def test_graded_again_from_the_same_files_marks_are_merged_in(reports: Store, book: Book, rubric: Rubric) -> None:
    """A new run of the same submission has its marks at once."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann", 4, 2, 1)
    card = reports.keep(folder.graded(rubric, second=5))
    assert card.run.started_at.endswith("05+00:00") and [mark.mark for mark in card.reviews] == [4, 2, 1]
    assert card == reports.scorecard("alice") and card.final is not None


def test_graded_from_other_files_marks_stay_with_the_old_ones(reports: Store, book: Book, rubric: Rubric) -> None:
    """What was said of one submission is never said of another; going back finds it again."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann", 4, 2, 1)
    card = reports.keep(folder.graded(rubric, digest=folder.OTHER_FILES))
    assert card.final is None and all(mark.mark is None for mark in card.reviews)
    assert reports.keep(folder.graded(rubric)).final is not None


def test_marks_that_somebody_else_put_in_stay(reports: Store, rubric: Rubric) -> None:
    """A scorecard with marks that the book does not know (made by a program, say) is left alone."""
    card = folder.graded(rubric)
    mark = ReviewMark(id="review.scan", title="Scan", scale=2, mark=2, comment="by hand")
    reports.keep(score.reviewed(card, (*card.reviews[:2], mark), rubric.weights))
    assert publish(reports, rubric, "alice").reviews[2].comment == "by hand"


def test_a_scorecard_of_an_older_grader_is_read(rubric: Rubric) -> None:
    """scorecard/1 without who and when is still scorecard/1."""
    data = json.loads(folder.graded(rubric).to_json())
    for mark in data["reviews"]:
        assert mark.pop("by") == [] and mark.pop("at") is None
    assert Scorecard.model_validate(data) == folder.graded(rubric)


def test_another_rubric_takes_no_marks(reports: Store, book: Book, rubric: Rubric) -> None:
    """Weights and anchors are those of the rubric that graded; by another one nothing is computed."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann", 4, 2, 1)
    other = rubric.model_copy(update={"title": "Other"})
    assert marking(book, other)(folder.graded(rubric)).final is None


def test_a_broken_book_costs_no_grade(tmp_path: Path, rubric: Rubric, capsys: pytest.CaptureFixture[str]) -> None:
    """`grade` writes its scorecard all the same, and says that marks are missing."""
    (tmp_path / "reviews.sqlite").write_bytes(b"no database" * 100)
    card = Store(tmp_path, cli._marking(tmp_path, rubric)).keep(folder.graded(rubric))
    assert card.score == 80 and (tmp_path / "alice" / "scorecard.json").exists()
    assert "alice: earlier marks are not in its scorecard" in capsys.readouterr().err
    with pytest.raises(HarnessError):
        folder.store(tmp_path, rubric).mark("alice")


def test_a_grade_and_a_review_at_once_lose_neither(reports: Store, book: Book, rubric: Rubric) -> None:
    """While reviewers publish, the same submission is graded again: the newest run is there, with the marks."""
    reports.keep(folder.graded(rubric))
    folder.fill(book, rubric, "ann", 4, 2, 1)
    done = threading.Event()

    def publishing() -> None:
        while not done.is_set():
            book.take_back(ALICE, "ann")
            reports.mark("alice")
            book.hand_in(ALICE, "ann", rubric.reviews)
            reports.mark("alice")

    thread = threading.Thread(target=publishing)
    thread.start()
    try:
        for second in range(1, 40):
            folder.store(reports.folder, rubric).keep(folder.graded(rubric, second=second))
            assert reports.scorecard("alice").run.started_at == f"2026-01-01T00:00:{second:02}+00:00"
    finally:
        done.set()
        thread.join()
    assert reports.scorecard("alice").final is not None
    assert {card.run.started_at[17:19] for card in history(reports)} >= {f"{second:02}" for second in range(39)}


def test_no_submission_takes_the_place_of_the_book(tmp_path: Path) -> None:
    """A candidate's folder may be called as the book is."""
    given, _ = names([tmp_path / "a" / name for name in ("reviews.sqlite", "Reviews.SQLite-wal")], tmp_path)
    assert all(name.lower() not in ("reviews.sqlite", "reviews.sqlite-wal") for name in given)
