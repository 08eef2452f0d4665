"""The reports folder: files appear whole, earlier runs are kept, and no name leads elsewhere."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from grader import score, store
from grader.errors import HarnessError
from grader.models import Job, Rubric, RunInfo, Scorecard

RUBRIC = Rubric.model_validate(
    {
        "schema": "rubric/1",
        "name": "small",
        "title": "Small",
        "criteria": [{"id": "gpt.load", "title": "Loads.", "points": 100}],
    }
)


def card(reason: str, started_at: str = "2026-01-01T00:00:00+00:00", name: str = "alice") -> Scorecard:
    job = Job(path="x", name=name, rubric=RUBRIC, rubric_digest="sha256:1", sandbox="docker", seed=1)
    run = RunInfo(seed=1, sandbox="docker", started_at=started_at, duration_s=1, rubric_digest="sha256:1")
    return score.rejected(job, run, reason)


def given(tmp_path: Path, *paths: str) -> list[str]:
    names, warnings = store.names([tmp_path / path for path in paths], tmp_path / "reports")
    assert len(warnings) == sum(bool(re.search(r"(^|-)[0-9a-f]{8}$", name)) for name in names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", name) for name in names)
    assert len({name.lower() for name in names}) == len(names)
    return names


def test_names_are_those_of_folders_and_archives(tmp_path: Path) -> None:
    """Who hands in alice or alice.zip finds alice; odd characters are reduced, long names cut."""
    (tmp_path / "folder.zip").mkdir()
    assert given(tmp_path, "alice", "bob.zip", "folder.zip", "_x", "Carol  Smith") == [
        "alice", "bob", "folder.zip", "_x", "Carol-Smith",
    ]  # fmt: skip
    assert given(tmp_path, "x" * 200) == ["x" * 64]
    assert given(tmp_path, "..evil\n\x1b[31m", "-rf") == ["evil-31m", "rf"]


def test_names_that_cannot_be_used_or_are_shared_get_a_digest(tmp_path: Path) -> None:
    """Two submissions never share a folder of reports, and none takes the index's place, upper and lower case alike."""
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "notes").write_text("in the way")
    shared = given(tmp_path, "a/alice", "b/Alice", "c/bob")
    assert [name[:6].lower() for name in shared[:2]] == ["alice-"] * 2 and shared[2] == "bob"
    for taken in ("Index.html", "日本", "...", "notes"):
        (name,) = given(tmp_path, taken)
        assert name != taken
    assert len(given(tmp_path, "a/" + "x" * 99, "b/" + "x" * 99)[0]) == 64


def test_the_dot_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`grade .` is named after the folder one stands in."""
    (tmp_path / "alice").mkdir()
    monkeypatch.chdir(tmp_path / "alice")
    assert store.names([Path()], tmp_path)[0] == ["alice"]


def test_an_earlier_scorecard_is_kept(tmp_path: Path) -> None:
    """A second run replaces the scorecard and moves the first, whole, into the history."""
    reports = store.Store(tmp_path / "deep" / "reports")
    for i in range(3):
        reports.keep(card(f"run {i}", started_at=f"2026-01-0{i + 1}T00:00:00+00:00"))
    place = reports.folder / "alice"
    assert json.loads((place / "scorecard.json").read_text())["reason"] == "run 2"
    earlier = sorted((place / "history").iterdir())
    assert [json.loads(path.read_text())["reason"] for path in earlier] == ["run 0", "run 1"]
    assert earlier[0].name.startswith("2026-01-01T00-00-00")


def test_a_torn_earlier_scorecard_is_kept_too(tmp_path: Path) -> None:
    """What somebody else broke is still not ours to delete, nor a reason to fail."""
    place = tmp_path / "alice"
    place.mkdir()
    (place / "scorecard.json").write_text('{"schema":')
    store.Store(tmp_path).keep(card("new"))
    (kept,) = (place / "history").iterdir()
    assert kept.read_text() == '{"schema":'


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Files appear whole or not at all; the error says which, and what to do."""
    path = tmp_path / "scorecard.json"
    store.write(path, "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if call == "fsync" else (Path, "replace", full)))
    with pytest.raises(HarnessError, match="cannot be written: No space left on device; make room"):
        store.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
