"""`grader rescore`: the reports folder by another rubric, with nothing lost, nothing torn and nothing run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import LINES, card, put, rubric

from grader import admin, cli
from grader import rubric as rubrics
from grader.errors import UsageError
from grader.models import CheckResult, FileChange, Outcome, Scorecard, Verdict
from grader.report.html import render_report
from grader.rescore import show
from grader.rescore.card import rescore
from grader.store import Store

V = Verdict
AT = "2026-02-02T00:00:00+00:00"
HEAVY = [LINES[0] | {"points": 90}, LINES[1] | {"points": 10, "title": "Weighs little."}, LINES[2]]


def toml(path: Path, lines: list[dict[str, Any]], **tolerances: float) -> Path:
    text = 'schema = "rubric/1"\nname = "small"\ntitle = "Small"\n[tolerances]\n'
    text += "".join(f"{name} = {value}\n" for name, value in tolerances.items())
    for line in lines:
        text += f'[[criteria]]\nid = "{line["id"]}"\ntitle = "{line["title"]}"\npoints = {line["points"]}\n'
        text += "bonus = true\n" if line.get("bonus") else ""
    path.write_text(text + '[[reviews]]\nid = "review.scan"\ntitle = "Scan"\nanchors = ["a", "b", "c", "d", "e"]\n')
    return path


# --- a scorecard ------------------------------------------------------------------------------------------------------


def test_points_titles_and_weights_come_from_the_new_rubric() -> None:
    """The verdicts stay, what they are worth changes, and the scorecard says from which rubric it came."""
    before = card("alice", {"gpt.loss": V.wrong_answer})
    new = rubric(*HEAVY)
    after = rescore(before, new, "sha256:new", AT).after
    assert (before.score, after.score) == (40, 90)
    assert after.criteria[1].title == "Weighs little." and after.criteria[1].checks == before.criteria[1].checks
    assert after.run.rubric_digest == "sha256:new" and after.run.rescored[0].from_digest == before.run.rubric_digest
    assert after.run.rescored[0].at == AT and after.run.started_at == before.run.started_at


def test_what_no_rubric_is_about_stays() -> None:
    """Notes, output and changes, and whatever a scorecard may hold one day, are copied as they are."""
    before = card("alice").model_copy(
        update={"notes": "n", "output": "o", "changes": (FileChange(path="p", base="b"),)}
    )
    after = rescore(before, rubric(*HEAVY), "sha256:x", AT).after
    changed = {name for name in type(before).model_fields if getattr(before, name) != getattr(after, name)}
    assert changed == {"criteria", "run"}


def test_a_threshold_that_the_evidence_decides_changes_the_verdict() -> None:
    """Tighter than what was measured: the criterion is lost, and named as changed; loose again, it is back."""
    before = card("alice", max_abs_diff=1e-5, atol=5e-4)
    tight = rescore(before, rubric(tolerances={"logits_float32": 1e-6}), "sha256:tight", AT)
    assert tight.verdicts == (("gpt.logits", V.accepted, V.wrong_answer),) and tight.after.score == 60
    back = rescore(tight.after, rubric(), before.run.rubric_digest, AT).after
    assert back.criteria == before.criteria and back.score == before.score and len(back.run.rescored) == 2


def test_a_threshold_that_it_does_not_decide_leaves_a_doubt() -> None:
    """The verdict is kept, and who reads the scorecard later is told."""
    found = rescore(card("alice"), rubric(tolerances={"logits_float32": 1e-6}), "sha256:x", AT)
    assert found.after.score == 100 and "logits_float32 0.0005 -> 1e-06" in found.doubts[0]
    assert found.after.run.rescored[-1].doubts == found.doubts


def test_other_limits_are_a_doubt_where_a_limit_was_hit() -> None:
    """What ran out of time under the old limit may not under the new one: nothing is run again."""
    before = card("alice", {"gpt.loss": V.time_limit})
    found = rescore(before, rubric(limits={"call_s": 99}), "sha256:x", AT)
    assert found.after.score == before.score and "call_s 10 -> 99" in found.doubts[0]
    assert not rescore(card("alice"), rubric(limits={"call_s": 99}), "sha256:x", AT).doubts


def test_marks_stay_and_the_final_mark_is_computed_again() -> None:
    """A person's mark is not the rubric's to take; on another scale it keeps its own, which is said."""
    before = card("alice", {"gpt.loss": V.wrong_answer})
    mark = before.reviews[0].model_copy(update={"mark": 2.0})
    before = before.model_copy(update={"reviews": (mark,), "final": 43.0})
    after = rescore(before, rubric(*HEAVY), "sha256:x", AT).after
    assert after.reviews == (mark,) and after.final == 0.7 * 90 + 0.3 * 50
    said = before.reviews[0].model_copy(update={"mark": None, "comment": "a word first"})
    begun = before.model_copy(update={"reviews": (said,), "final": None})
    assert rescore(begun, rubric(*HEAVY), "sha256:x", AT).after.reviews == (said,)
    half = {"id": "review.scan", "title": "Scan", "scale": 2, "anchors": list("abc")}
    found = rescore(before, rubric(reviews=[half]), "sha256:x", AT)
    assert found.after.reviews[0].scale == 4 and "given on a scale to 4" in found.doubts[0]
    assert rescore(before, rubric(reviews=[]), "sha256:x", AT).dropped == ("review.scan",)


def test_a_criterion_without_stored_checks_has_to_be_graded() -> None:
    """Points for what was never judged would be invented; a criterion that is left out costs nothing."""
    more = {"id": "gpt.mode", "title": "Modes.", "points": 5}
    with pytest.raises(UsageError, match=r"alice: nothing is stored for gpt\.mode; grade it again"):
        rescore(card("alice"), rubric(*LINES, more), "sha256:x", AT)
    found = rescore(card("alice"), rubric(*LINES[:1]), "sha256:x", AT)
    assert found.dropped == ("gpt.loss", "scan.steps") and found.after.score == 100


def test_what_has_no_verdicts_stays_as_it_is() -> None:
    """A rejected submission, and one that the harness failed on, are not scored by any rubric."""
    for outcome in (Outcome.rejected, Outcome.harness_error):
        before = card("alice").model_copy(update={"outcome": outcome, "criteria": ()})
        assert rescore(before, rubric(*HEAVY), "sha256:x", AT).after is before


def test_an_earlier_scorecard_says_no_tolerances_so_none_are_applied() -> None:
    """Where it is not known what was graded by, a threshold can change nothing; points still can."""
    before = card("alice", max_abs_diff=1e-5, atol=5e-4)
    before = before.model_copy(update={"run": before.run.model_copy(update={"tolerances": None})})
    found = rescore(before, rubric(*HEAVY, tolerances={"logits_float32": 1e-9}), "sha256:x", AT)
    assert found.after.score == 100 and "does not say" in found.doubts[0]


CHECKS = st.builds(
    CheckResult,
    id=st.sampled_from(["faint_activations_equal_the_reference[rope]", "cached_generation_is_linear", "a"]),
    verdict=st.sampled_from([v for v in Verdict if v is not V.harness_error]),
    evidence=st.fixed_dictionaries(
        {},
        optional={
            "max_abs_diff": st.floats(0, 1e-2),
            "atol": st.sampled_from([5e-4, 1.0]),
            "ratio": st.just(0.2),
            "interval": st.sampled_from([[0.1, 0.3], [0.2, 0.2], [0.01, 0.02]]),
            "threshold": st.sampled_from([0.2, 0.8]),
            "fraction": st.floats(-1, 2),
        },
    ),
)
TOLERANCES = st.fixed_dictionaries(
    {"logits_float32": st.floats(1e-6, 1e-2), "decode_cost_ratio": st.floats(0.01, 1)},
)


def graded(checks: list[CheckResult]) -> Scorecard:
    before = card("alice")
    results = {"gpt.logits": tuple(checks), "gpt.loss": (), "scan.steps": tuple(checks[:1])}
    from grader import score

    return score.build(rubric(), before.submission, before.run, results)


@given(st.lists(CHECKS, min_size=1, max_size=4))
def test_the_same_rubric_changes_nothing(checks: list[CheckResult]) -> None:
    """Whatever is stored, scoring it by the rubric that graded it is the identity, without a doubt."""
    before = graded(checks)
    found = rescore(before, rubric(), before.run.rubric_digest, AT)
    assert found.after is before and not found.doubts


@given(st.lists(CHECKS, min_size=1, max_size=4), TOLERANCES, TOLERANCES)
def test_the_way_to_a_rubric_does_not_matter(
    checks: list[CheckResult], first: dict[str, float], second: dict[str, float]
) -> None:
    """By way of another rubric or straight, and twice or once, the scorecard is the same."""
    before = graded(checks)
    one, two = rubric(tolerances=first), rubric(tolerances=second)
    there = rescore(before, one, "sha256:one", AT).after
    by_way, straight = (rescore(from_, two, "sha256:two", AT).after for from_ in (there, before))
    assert by_way.criteria == straight.criteria and by_way.score == straight.score
    assert rescore(straight, two, "sha256:two", "later").after is straight


def test_the_report_says_what_was_rescored_and_what_is_in_doubt() -> None:
    """A reader sees that the points are another rubric's, and which verdicts that rubric might change."""
    new = rubric(tolerances={"logits_float32": 1e-6}, limits={"call_s": 99})
    after = rescore(card("alice"), new, "sha256:x", AT).after
    shown = render_report(after, new)
    assert "does not settle: gpt.logits" in shown and "2026-02-02 00:00 UTC, nothing run again" in shown
    assert " 10 s a call" in shown  # what it ran under
    assert "nothing run again" not in render_report(card("alice"), rubric())


def test_a_doubt_of_many_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A cohort of hundreds gives one line for each doubt, with a few of the names."""
    new = rubric(tolerances={"logits_float32": 1e-6})
    show.rescored([rescore(card(f"c{i}"), new, "sha256:x", AT) for i in range(30)], None, False)
    out = capsys.readouterr().out
    assert out.count("  ? ") == 1 and "c0, c1, c2, c3, c4 and 25 more" in out


# --- the reports folder -----------------------------------------------------------------------------------------------


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `grader rescore` over alice, who lost gpt.loss, and bob, who lost gpt.logits."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path, card("alice", {"gpt.loss": V.wrong_answer}))
    put(tmp_path, card("bob", {"gpt.logits": V.wrong_answer}, max_abs_diff=1e-3, atol=5e-4))
    toml(tmp_path / "heavy.toml", HEAVY)
    toml(tmp_path / "loose.toml", LINES, logits_float32=1e-2)
    toml(tmp_path / "same.toml", LINES)
    toml(tmp_path / "more.toml", [*LINES, {"id": "gpt.mode", "title": "Modes.", "points": 5}])
    return lambda *arguments: cli.run(admin.app, "grader", ["rescore", *map(str, arguments)])


def read(name: str) -> Scorecard:
    return Scorecard.model_validate_json(Path("reports", name, "scorecard.json").read_bytes())


def files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path("reports").rglob("*") if path.is_file()}


def test_scorecards_reports_and_index_are_written(verb: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """The earlier scorecard is in the history, and the table says who moves across the bar."""
    assert verb("--rubric", "heavy.toml", "--min-score", "90", "--dry-run") == 0
    assert "across 90: 1 up, 0 down" in capsys.readouterr().out  # alice reaches it
    assert verb("--rubric", "heavy.toml", "--min-score", "50") == 0
    assert (read("alice").score, read("bob").score) == (90, 10)
    (kept,) = Path("reports/alice/history").glob("*.json")
    assert Scorecard.model_validate_json(kept.read_bytes()).score == 40
    assert "Weighs little." in Path("reports/alice/report.html").read_text()
    shown = capsys.readouterr().out
    assert "rises above" in shown and "falls below" in shown and "across 50: 1 up, 1 down" in shown
    assert "2 of 2 rescored" in shown
    assert rubrics.digest(rubrics.load(Path("heavy.toml"))) == read("bob").run.rubric_digest


def test_verdicts_that_changed_are_named(verb: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """A looser tolerance gives bob back what he lost by less."""
    assert verb("bob", "--rubric", "loose.toml") == 0
    assert "gpt.logits: wrong_answer -> accepted" in capsys.readouterr().out
    assert read("bob").score == 100 and read("alice").run.rescored == ()


@pytest.mark.parametrize("arguments", [("--rubric", "heavy.toml", "--dry-run"), ("--rubric", "more.toml")])
def test_a_dry_run_and_an_error_write_nothing(verb: Callable[..., int], arguments: tuple[str, ...]) -> None:
    """To look is free, and what cannot be done for all is done for none."""
    before = files()
    assert verb(*arguments) == (0 if "--dry-run" in arguments else 2)
    assert files() == before


def test_once_more_writes_nothing_new(verb: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """The same rubric twice leaves one record and one history."""
    assert verb("--rubric", "heavy.toml") == 0
    before = files()
    assert verb("--rubric", "heavy.toml") == 0
    assert files() == before and "0 of 2 rescored" in capsys.readouterr().out


def test_a_break_between_scorecard_and_report_is_mended(verb: Callable[..., int]) -> None:
    """Killed in between, the next run writes the report that lacks."""
    assert verb("--rubric", "heavy.toml") == 0
    Path("reports/alice/report.html").unlink()
    assert verb("--rubric", "heavy.toml") == 0
    assert Path("reports/alice/report.html").exists()


def test_a_name_that_is_not_there_is_a_usage_error(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the name that may have been meant; an empty folder is one too."""
    assert verb("alcie", "--rubric", "heavy.toml") == 2
    assert "did you mean 'alice'?" in capsys.readouterr().err
    assert verb("--out", "nowhere", "--rubric", "heavy.toml") == 2


def test_a_scorecard_that_was_moved_overwrites_nobodys(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy of alice's folder under another name says alice, and alice's own stays hers."""
    Path("reports/alice").rename("reports/carol")
    assert verb("--rubric", "heavy.toml") == 0
    assert "carol holds the scorecard of alice" in capsys.readouterr().err
    assert not Path("reports/alice").exists()


def test_resume_does_not_take_a_rescored_one_for_graded(verb: Callable[..., int]) -> None:
    """`grade --resume` keeps what grading would give again, and only grading settles a doubt."""
    from grader import __version__
    from grader.models import Job

    lines = rubrics.load(Path("same.toml"))
    job = Job(path="x", name="alice", rubric=lines, rubric_digest=rubrics.digest(lines), sandbox="bubblewrap", seed=1)
    before = read("alice")
    run = before.run.model_copy(update={"versions": {"grader": __version__}})
    before = before.model_copy(update={"run": run})
    store = Store(Path("reports"))
    store.keep(before)
    assert store.finished(job, "sha256:0", None) == before
    store.keep(rescore(before, rubric(*HEAVY), job.rubric_digest, AT).after)
    assert store.finished(job, "sha256:0", None) is None
