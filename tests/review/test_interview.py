"""`grader review`: the marks of one reviewer, asked for in a terminal."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from pathlib import Path

import folder
import pytest

from grader import admin, cli
from grader.models import Rubric, Scorecard
from grader.review.book import Book
from grader.store import Store

Review = Callable[..., tuple[int, str, str]]


@pytest.fixture
def reports(tmp_path: Path, rubric: Rubric) -> Store:
    store = folder.store(tmp_path / "reports", rubric)
    store.keep(folder.graded(rubric))
    return store


@pytest.fixture
def review(reports: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Review:
    """Run `grader review alice` with these answers; after the last one the reviewer presses Ctrl-C."""

    def run(*answers: str, who: str = "ann", name: str = "alice", more: tuple[str, ...] = ()) -> tuple[int, str, str]:
        left: Iterator[str] = iter(answers)

        def typed(prompt: str) -> str:
            print(prompt, end="")
            try:
                return next(left)
            except StopIteration:
                raise KeyboardInterrupt from None

        monkeypatch.setattr(builtins, "input", typed)
        arguments = [name, "--out", str(reports.folder), "--rubric", str(reports.folder.parent / "small.toml")]
        status = cli.run(admin.app, "grader", ["review", *arguments, "--reviewer", who, *more])
        assert next(left, None) is None, "not every answer was asked for"
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def current(reports: Store) -> Scorecard:
    return reports.scorecard("alice")


def test_a_whole_sheet_becomes_the_final_mark(review: Review, reports: Store) -> None:
    """Comment and mark for each item, anchors beside it, one yes, and it is in scorecard, report and index."""
    status, out, _ = review("halves it", "4", "", "2", "knows Blelloch", "1", "y")
    assert status == 0
    assert "3  narrows down" in out and "final: 76 of 100" in out
    card = current(reports)
    assert card.final == 76 and [mark.by for mark in card.reviews] == [("ann",)] * 3
    assert [mark.comment for mark in card.reviews] == ["halves it", "", "knows Blelloch"]
    assert "halves it" in (reports.folder / "alice" / "report.html").read_text()
    assert "76" in (reports.folder / "index.html").read_text()


def test_what_was_given_before_an_abort_is_kept_and_offered(review: Review, reports: Store) -> None:
    """Ctrl-C in the third question: status 130, nothing in the scorecard, and the next run goes on from there."""
    status, out, _ = review("halves it", "4", "some shapes")
    assert status == 130 and "what was given is kept" in out
    assert current(reports).final is None and current(reports).reviews[0].mark is None
    given = Book(reports.folder).review(("alice", folder.FILES)).sheet("ann").given
    assert (given["review.debugging"].mark, given["review.shapes"].comment) == (4, "some shapes")
    _, out, _ = review("", "", "", "2", "", "1", "")
    assert "comment, - for none [halves it]:" in out and "mark, 0 to 4 [4]:" in out
    assert [mark.mark for mark in current(reports).reviews] == [4, 2, 1]


def test_no_mark_is_guessed(review: Review, reports: Store) -> None:
    """What is no mark is asked again; an item may stay open, and then the sheet stays a draft."""
    status, out, _ = review("", "5", "-1", "three", "3.5", "3", "", "", "", "2")
    assert status == 0 and out.count("is no mark") == 4
    assert "no mark yet for review.shapes: kept as a draft" in out
    assert current(reports).reviews[0].mark is None


def test_saying_no_keeps_a_draft(review: Review, reports: Store) -> None:
    """Who is not sure yet is not final."""
    review("", "1", "", "1", "", "1", "n")
    assert current(reports).final is None


def test_a_sheet_that_nobody_has_seen_can_be_changed(review: Review, reports: Store) -> None:
    """Run again, it is offered back, with what stands there as the default; a comment can be emptied."""
    review("x", "1", "", "1", "", "1", "y")
    review("")  # leave it so
    assert current(reports).final is not None
    review("n", "-", "4", "", "", "", "", "y")
    assert [mark.mark for mark in current(reports).reviews] == [4, 1, 1] and current(reports).reviews[0].comment == ""


def test_two_reviewers_are_blind_and_then_settle(review: Review, reports: Store) -> None:
    """The second is asked without a word of the first, then both are shown and the distance is settled."""
    status, out, _ = review("ANN-SAYS", "4", "", "2", "", "1", "y", more=("--needed", "2"))
    assert status == 0 and "not final: 1 of 2 sheets are in" in out
    assert "ANN-SAYS" not in (reports.folder / "alice" / "report.html").read_text()
    _, out, _ = review("slow", "1", "", "2", "", "1", "y", "", who="ben")
    before, after = out.split("hand in?")
    assert "ANN-SAYS" not in before and "ann gave 4: ANN-SAYS" in after and "3 apart" in after
    assert "not final: the reviewers' marks are far apart" in after
    _, out, _ = review("3", who="ann")
    assert "final:" in out
    card = current(reports)
    assert (card.reviews[0].mark, card.reviews[0].by) == (3, ("ann",))
    assert card.reviews[0].comment == "ann, 4: ANN-SAYS\nben, 1: slow"


def test_marks_of_an_earlier_submission_are_told(review: Review, reports: Store, rubric: Rubric) -> None:
    """The reviewer learns why the marks of last week are not here."""
    folder.fill(Book(reports.folder), rubric, "ann", 4, 2, 1, digest=folder.OTHER_FILES)
    _, out, _ = review()
    assert "you have marked an earlier submission of this name" in out


@pytest.mark.parametrize("name", ["nobody", "../reports/alice", "..", ".", "a/../alice", "/etc", ""])
def test_a_name_that_is_no_submission_is_a_usage_error(review: Review, name: str) -> None:
    """Neither a typing error nor a path leads anywhere."""
    status, _, err = review(name=name)
    assert status == 2 and "no scorecard of" in err


def test_what_has_no_score_is_not_reviewed(review: Review, reports: Store, rubric: Rubric) -> None:
    """A rejected submission, and one graded by another rubric, say why."""
    reports.keep(folder.rejected(rubric, "torn"))
    assert "nothing to weigh" in review(name="torn")[2]
    reports.keep(folder.graded(rubric.model_copy(update={"title": "Other"}), "bob"))
    status, _, err = review(name="bob")
    assert status == 2 and "graded by another rubric" in err


def test_what_others_wrote_is_not_obeyed_by_the_terminal(review: Review, reports: Store, rubric: Rubric) -> None:
    """A comment with escape sequences is shown, not obeyed."""
    book = Book(reports.folder)
    for item, mark in zip(rubric.reviews, (1, 1, 1), strict=True):
        book.save(("alice", folder.FILES), "ann", item, mark, "\x1b]0;title\x07\x1b[31m::error::x")
    book.hand_in(("alice", folder.FILES), "ann", rubric.reviews)
    _, out, _ = review("", "1", "", "1", "", "1", "y", who="ben")
    assert "ann gave 1" in out and "\x1b" not in out and "\x07" not in out


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error in --out makes no folder."""
    for verb in (["review", "alice"], ["serve"]):
        assert cli.run(admin.app, "grader", [*verb, "--out", str(tmp_path / "nowhere")]) == 2
        assert "is no folder of reports" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
