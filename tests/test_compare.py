"""Scorecards side by side: what differs is named with its reason, and nothing of a submission is obeyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stored import card, put

from grader import admin, cli
from grader.compare import rows
from grader.models import Verdict

V = Verdict


def cells(found: list[rows.Row]) -> dict[str, tuple[str, ...]]:
    return {row.name: row.cells for row in found}


def test_only_what_differs_is_listed() -> None:
    """A criterion on which all agree is no row; one that differs has verdict, points and the first reason."""
    one, two = card("alice"), card("bob", {"gpt.loss": V.wrong_answer})
    assert cells(rows.criteria([one, two])) == {
        "gpt.loss": ("accepted, 60 of 60", "wrong_answer, 0 of 60: gpt.loss says wrong_answer")
    }
    assert rows.criteria([one, card("carol")]) == []


def test_scores_and_sections_stand_on_top() -> None:
    """Bonus stands apart from points, and what nobody has is left out."""
    one, two = card("alice", {"scan.steps": V.accepted}), card("bob", {"gpt.loss": V.wrong_answer})
    top = cells(rows.scores([one, two]))
    assert top["score"] == ("100 of 100", "40 of 100") and top["bonus"] == ("2", "-") and "final" not in top
    assert cells(rows.sections([one, two])) == {"gpt": ("100 of 100", "40 of 100"), "scan": ("+2 of 2", "-")}


def test_a_partial_run_is_told_beside_its_score() -> None:
    """Forty points of forty that were asked for are not a hundred."""
    one = card("alice", {"gpt.loss": V.not_applicable})
    one = one.model_copy(update={"run": one.run.model_copy(update={"only": "gpt.logits"})})
    assert cells(rows.scores([one, card("bob")]))["score"] == ("100 of 100, only gpt.logits", "100 of 100")


def test_what_may_explain_a_difference_is_named() -> None:
    """Other seeds or rubrics are told; what is the same is not."""
    one = card("alice")
    two = one.model_copy(update={"run": one.run.model_copy(update={"seed": 2})})
    assert cells(rows.provenance([one, two])) == {"seed": ("1", "2")}


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: cli.run(admin.app, "grader", ["compare", *map(str, arguments)])


def test_names_paths_and_history_are_read(
    compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two submissions, or two runs of one."""
    put(tmp_path, card("alice", {"gpt.loss": V.wrong_answer}))
    put(tmp_path, card("alice"))
    (earlier,) = tmp_path.glob("reports/alice/history/*.json")
    assert compare("alice", earlier) == 0
    shown = capsys.readouterr().out
    assert shown.count("alice, 2026-01-01 00:00 UTC") == 2
    assert "100 of 100" in shown and "40 of 100" in shown and "gpt.loss says wrong_answer" in shown
    assert compare("alice", "alice", "alice") == 0
    assert "They agree on every criterion." in capsys.readouterr().out


def test_a_submission_cannot_bring_its_own_scorecard(
    compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of the candidate's beside the reports is not read for one of them."""
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "scorecard.json").write_text(card("bob").to_json())
    put(tmp_path, card("alice"))
    assert compare("alice", "bob") == 2
    assert "reports/bob/scorecard.json cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"), [(["alice"], "1 scorecard is given; name two"), (["a"] * 4, "4 scorecards are given")]
)
def test_two_or_three(
    compare: Callable[..., int], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """One has nothing beside it, and four fit no terminal."""
    assert compare(*arguments) == 2
    assert said in capsys.readouterr().err


def test_what_is_no_scorecard_is_a_usage_error(
    compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A torn or foreign file is named, in one line."""
    put(tmp_path, card("alice"))
    (tmp_path / "x.json").write_text("{")
    assert compare("alice", "x.json") == 2
    assert capsys.readouterr().err.strip() == "grader: x.json is no scorecard of this version"


def test_hostile_texts_are_shown_not_obeyed(
    compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither escapes nor Rich's markup nor a CI runner's commands come through."""
    evil = "\x1b[31m[bold]x[/bold]\u202e\n::error::boo"
    put(tmp_path, card("alice"))
    put(tmp_path, card("bob", {"gpt.loss": V.wrong_answer}, message=evil))
    assert compare("alice", "bob") == 0
    shown = capsys.readouterr().out
    assert "[bold]x[/bold]" in shown and "::" not in shown
    assert not {"\x1b", "\u202e"} & set(shown)
