"""`grader prune`: what is too old goes whole, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stored import card, put

from grader import admin, cli, rubric
from grader import prune as verb
from grader.errors import HarnessError
from grader.project import DEFAULT_RUBRIC
from grader.review.book import Book

Prune = Callable[..., int]


def aged(tmp_path: Path, name: str, days: float) -> Path:
    """Put a submission there whose latest run is so old, with an earlier one in its history."""
    place = tmp_path
    for each in (days + 100, days):
        one = card(name)
        started = (datetime.now(UTC) - timedelta(days=each)).isoformat(timespec="seconds")
        place = put(tmp_path, one.model_copy(update={"run": one.run.model_copy(update={"started_at": started})}))
    return place


@pytest.fixture
def prune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prune:
    """Run `grader prune` over an old, a middling and a new submission."""
    monkeypatch.chdir(tmp_path)
    for name, days in {"old": 120, "middling": 89.9, "new": 0}.items():
        aged(tmp_path, name, days)
    return lambda *arguments: cli.run(admin.app, "grader", ["prune", *arguments])


def folders(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "reports").iterdir() if path.is_dir()}


def test_what_is_older_goes_whole_and_is_named(
    prune: Prune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scorecard, report and history; the index knows nothing of it any more. The latest run counts, not the first."""
    assert prune("--older-than", "90d") == 0
    assert folders(tmp_path) == {"middling", "new"}
    out = capsys.readouterr().out
    assert "reports/old removed" in out and "1 of 3 removed" in out and "middling" not in out
    index = (tmp_path / "reports" / "index.html").read_text()
    assert "middling" in index and '"old' not in index and "old/report.html" not in index


def test_marks_and_comments_go_too(prune: Prune, tmp_path: Path) -> None:
    """What reviewers wrote about a candidate is the candidate's data: nothing of it is left in any file."""
    book = Book(tmp_path / "reports")
    item = rubric.load(DEFAULT_RUBRIC).reviews[0]
    for name in ("old", "new"):
        book.save((name, "sha256:1"), "ann", item, 3, f"a comment about {name}, word by word")
    assert prune("--older-than", "90d", "--dry-run") == 0 and len(book.reviews()) == 2
    assert prune("--older-than", "90d") == 0
    assert [name for name, _ in book.reviews()] == ["new"]
    files = [path.read_bytes() for path in (tmp_path / "reports").glob("reviews.sqlite*")]
    assert files and not [data for data in files if b"comment about old" in data]
    assert [data for data in files if b"comment about new" in data]


def test_a_dry_run_says_the_same_and_removes_nothing(
    prune: Prune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it would remove can be read first."""
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert prune("--older-than", "1d", "--dry-run") == 0
    assert "2 of 3 would be removed" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_retention_of_the_settings_counts(prune: Prune, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """grader.toml says how long; without either nothing is guessed."""
    assert prune() == 2
    assert "how old?" in capsys.readouterr().err and len(folders(tmp_path)) == 3
    (tmp_path / "grader.toml").write_text("retention_days = 30\n")
    assert prune() == 0
    assert folders(tmp_path) == {"new"}


@pytest.mark.parametrize("asked", ["90", "-1d", "1y", "99999d", "d", "1.5d"])
def test_an_odd_age_removes_nothing(
    prune: Prune, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    """Ninety what? A mistake here cannot be taken back."""
    assert prune(f"--older-than={asked}") == 2
    assert "90d" in capsys.readouterr().err and len(folders(tmp_path)) == 3


def test_what_is_not_ours_stays(prune: Prune, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders without a scorecard, with a foreign one, and links of either kind stay, and so does what they lead to."""
    reports, elsewhere = tmp_path / "reports", aged(tmp_path / "other", "bob", 999)
    (reports / "notes").mkdir()
    foreign = json.dumps(json.loads((reports / "old" / "scorecard.json").read_text()) | {"schema": "scorecard/2"})
    for name, text in {"foreign": foreign, "torn": '{"schema": ', "list": "[]", "undated": "{}"}.items():
        (reports / name).mkdir()
        (reports / name / "scorecard.json").write_text(text)
    (reports / "link").symlink_to(elsewhere)
    (reports / "inner").mkdir()
    (reports / "inner" / "scorecard.json").symlink_to(elsewhere / "scorecard.json")
    stay = {"notes", "foreign", "torn", "list", "undated", "link", "inner"}
    assert prune("--older-than", "0d") == 0
    assert folders(tmp_path) == stay
    assert (elsewhere / "scorecard.json").is_file() and (elsewhere / "history").is_dir()
    assert capsys.readouterr().err.count("warning") == len(stay - {"notes"})


def test_links_inside_are_removed_not_followed(prune: Prune, tmp_path: Path) -> None:
    """A link beside a scorecard goes; its target does not."""
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").write_text("x")
    (tmp_path / "reports" / "old" / "link").symlink_to(target)
    (tmp_path / "reports" / "old" / "history" / "link").symlink_to(target)
    assert prune("--older-than", "90d") == 0
    assert "old" not in folders(tmp_path) and (target / "file").read_text() == "x"


def test_a_removal_that_breaks_off_is_found_again(
    prune: Prune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scorecard, by which a folder is found, goes last."""

    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    (tmp_path / "reports" / "old" / "zoo").mkdir()  # comes after the scorecard by name
    (tmp_path / "reports" / "old" / "history").rename(tmp_path / "history")

    with monkeypatch.context() as patch:
        patch.setattr(verb.shutil, "rmtree", fail)
        assert prune("--older-than", "90d") == 3
    assert "zoo cannot be removed: Input/output error" in capsys.readouterr().err
    assert (tmp_path / "reports" / "old" / "scorecard.json").is_file()
    assert prune("--older-than", "90d") == 0 and "old" not in folders(tmp_path)


def test_a_scorecard_of_an_earlier_version_is_ours(prune: Prune, tmp_path: Path) -> None:
    """Data does not stay for ever because a later grader cannot read it."""
    path = tmp_path / "reports" / "old" / "scorecard.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"of_another_version": 1}))
    assert prune("--older-than", "90d") == 0 and "old" not in folders(tmp_path)


def test_the_book_of_code_names_is_named(prune: Prune, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It serves every reports folder, so it stays; who removes data for good is told where it is."""
    assert prune("--older-than", "100d", "--dry-run") == 0
    assert "blind.jsonl" not in capsys.readouterr().out
    path = tmp_path / "reports" / "old" / "scorecard.json"
    data = json.loads(path.read_text())
    data["submission"]["blind"] = True
    path.write_text(json.dumps(data))
    assert prune("--older-than", "90d") == 0
    assert "blind.jsonl: other folders may need them" in capsys.readouterr().out


def test_no_folder_is_a_usage_error(prune: Prune, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt --out is said, and no folder is made."""
    assert prune("--older-than", "1d", "--out", "repots") == 2
    assert "repots is no folder" in capsys.readouterr().err
    with pytest.raises(HarnessError):
        verb.remove(Path("repots"))
