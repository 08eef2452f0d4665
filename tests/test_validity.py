"""The grader judges right: corpus entries, graded by the real path, without one surprise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader import admin, cli
from grader.errors import UsageError
from grader.models import CheckResult, CriterionResult, Outcome, RunInfo, Scorecard, SubmissionInfo, Verdict
from grader.project import CHECKS
from grader.validity import page
from grader.validity.corpus import Entry, load, quick, together
from grader.validity.measure import Cell, Margin, Rate, Validity, measure

CORPUS = Path(__file__).parent / "corpus"

SEED = 7  # `make validity` takes a fresh one
EVERY = 72  # and grades every entry; here the right ones, the core and each seventy-second other wrong one

# Checks without which no entry of the corpus would be missed, each with the reason why it is kept.
REDUNDANT: dict[str, str] = {}


@pytest.fixture(scope="session")
def validity(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Grade the corpus once, by the command itself: all that is right, and of the rest what still needs every check."""
    out = tmp_path_factory.mktemp("validity")
    command = [sys.executable, "-P", "-m", "grader.admin", "validity", "--sandbox", "bubblewrap", "--out", str(out)]
    command += ["--seed", str(SEED), "--every", str(EVERY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2400)
    assert done.returncode in (0, 1), done.stderr[-4000:]
    print(done.stdout)
    result: dict[str, Any] = json.loads((out / "validity.json").read_text())
    return result


def test_the_corpus_is_judged_without_a_surprise(validity: dict[str, Any]) -> None:
    """No right solution loses a point, no wrong one keeps it, and none breaks the grader."""
    surprises = [
        f"{c['entry']} {c['criterion']}: {c['verdict']}, expected {c['want']}"
        for c in validity["cells"]
        if c["surprise"]
    ]
    assert not surprises and not validity["broken"], "\n".join(surprises) + str(validity["broken"])


def test_the_page_names_surprises_and_margins() -> None:
    """What went wrong stands on it, and what is near its limit."""
    cell = Cell(
        entry="mm-x", seed=3, criterion="matmul.forward", verdict=Verdict.accepted, want="not accepted", surprise=True
    )
    margin = Margin(
        criterion="gpt.loss", check="loss_equals (difference)", largest_right=0.01234, largest_right_entry="a"
    )
    result = Validity(
        cells=(cell,), sensitivity=Rate(hits=0, of=1), specificity=Rate(hits=1, of=1), margins=(margin,), seconds=61
    )
    made = page.render([], result, 3, 2)
    assert "- mm-x, seed 3, `matmul.forward`: accepted" in made and "None: every" not in made
    assert "| `gpt.loss` | loss equals (difference) | 0.0123 (a) |  |" in made and "0.0000 (0 of 1" in made


def test_every_check_function_was_run(validity: dict[str, Any]) -> None:
    """The matrix speaks of every check there is."""
    written = {
        line.split("(")[0].removeprefix("def check_")
        for path in CHECKS.glob("check_*.py")
        for line in path.read_text().splitlines()
        if line.startswith("def check_")
    }
    assert written <= {check.split(":")[1] for check in validity["checks"]}


def test_every_check_is_needed(validity: dict[str, Any]) -> None:
    """Without any one check some wrong entry would keep a criterion, or the check is said to be redundant."""
    assert set(validity["checks"]) - set(validity["sole_check"]) == set(REDUNDANT)


def test_the_corpus_is_large_enough() -> None:
    """At least 30 right solutions and 120 wrong ones, each with a reason."""
    entries = load(CORPUS)
    groups = [entry.group for entry in entries]
    assert groups.count("accepted") >= 30 and groups.count("wrong_answer") >= 120
    for entry in entries:
        assert bool(entry.fails) == (entry.group == "wrong_answer"), entry.name


def card(entry: str, **verdicts: str) -> Scorecard:
    lines = []
    for name, word in verdicts.items():
        criterion, verdict = name.replace("_", "."), Verdict(word)
        checks = (CheckResult(id="claim[learned]", verdict=verdict, evidence={"max_abs_diff": 3.0, "atol": 2.0}),)
        lines.append(
            CriterionResult(
                id=criterion, section="x", title="x", points=1, earned=0, bonus=False, verdict=verdict, checks=checks
            )
        )
    run = RunInfo(seed=1, sandbox="bubblewrap", started_at="", duration_s=1, rubric_digest="")
    return Scorecard(
        submission=SubmissionInfo(name=entry, digest=""),
        outcome=Outcome.graded,
        score=0,
        max_score=1,
        criteria=tuple(lines),
        run=run,
    )


def entry(name: str, group: str, **fields: Any) -> Entry:
    return Entry.model_validate({"name": name, "group": group, "folder": None, "why": "x", **fields})


def test_a_right_solution_that_fails_is_a_surprise() -> None:
    """Specificity falls when an accepted entry loses a criterion."""
    result = measure([entry("good", "accepted")], {("good", 1): card("good", a_b="wrong_answer", c_d="accepted")}, 1)
    assert not result.sound and result.specificity == Rate(hits=1, of=2)


def test_a_wrong_solution_that_passes_is_a_surprise() -> None:
    """Sensitivity falls when a criterion that must fail is accepted, or left to a person."""
    bad = entry("bad", "wrong_answer", fails=["a.b", "c.d"])
    result = measure([bad], {("bad", 1): card("bad", a_b="accepted", c_d="wrong_answer")}, 1)
    assert not result.sound and result.sensitivity == Rate(hits=1, of=2)
    undecided = measure([bad], {("bad", 1): card("bad", a_b="inconclusive", c_d="wrong_answer")}, 1)
    assert not undecided.sound


def test_the_check_that_alone_catches_an_entry_is_named() -> None:
    """What would be missed without a check is known, and the nearest margin of a wrong answer too."""
    bad = entry("bad", "wrong_answer", fails=["a.b"])
    result = measure([bad], {("bad", 1): card("bad", a_b="wrong_answer", c_d="accepted")}, 1)
    assert result.sound and result.sole_check == {"a.b:claim": ("bad",)} and result.sole_criterion == {"a.b": ("bad",)}
    assert result.margins[0].smallest_wrong == 1.5


def test_a_corpus_without_entries_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A glob that matches nothing, or a folder that is not there, is a usage error, never a green run."""
    for arguments in (["--match", "no-such-entry"], ["--corpus", "/nowhere"]):
        assert cli.run(admin.app, "grader", ["validity", *arguments]) == 2
    said = capsys.readouterr().err
    assert "no-such-entry" in said and "/nowhere" in said


def test_a_patch_that_no_longer_applies_is_an_error(tmp_path: Path) -> None:
    """A corpus entry cannot rot: its old text must stand in the reference exactly once."""
    stale = entry("stale", "wrong_answer", replace=[{"file": "scan.py", "old": "no such text", "new": ""}])
    with pytest.raises(UsageError, match="stale: its old text stands 0 times"):
        stale.lay(tmp_path / "x")


def about(part: str, name: str, **fields: Any) -> Entry:
    return entry(name, "wrong_answer", replace=[{"file": part, "old": "return ", "new": "return  "}], **fields)


def test_entries_about_different_parts_travel_together() -> None:
    """One of each part at most in a submission; what could touch another part goes alone."""
    entries = [
        about("minigpt.py", "model-a", fails=["gpt.loss"]),
        about("minigpt.py", "model-b", fails=["cache.decode"]),
        about("matmul.py", "product", fails=["matmul.forward"]),
        about("scan.py", "wide", fails=["scan.values"], whole=True),
        about("scan.py", "reaches-over", fails=["gpt.loss"]),
    ]
    made = together(entries)
    assert [submission.name for submission in made] == ["model-a+product", "model-b", "wide", "reaches-over"]
    assert [submission.scope for submission in made] == ["[gcm]*.*", "[gc]*.*", None, None]


def test_an_entry_is_held_to_its_own_part_alone() -> None:
    """What the other entry of a submission loses is neither this one's loss nor its surprise."""
    one = about("matmul.py", "product", fails=["matmul.forward"])
    other = about("scan.py", "scan", fails=["scan.values"])
    both = card("product+scan", matmul_forward="wrong_answer", matmul_layouts="accepted", scan_values="wrong_answer")
    result = measure([one, other], {("product", 1): both, ("scan", 1): both}, 1)
    assert result.sound and {(cell.entry, cell.criterion) for cell in result.cells} == {
        ("product", "matmul.forward"),
        ("product", "matmul.layouts"),
        ("scan", "scan.values"),
    }


def test_an_entry_is_held_to_what_was_judged_alone() -> None:
    """A criterion that --only left out says nothing."""
    one = about("matmul.py", "product", fails=["matmul.forward", "matmul.layouts"])
    some = card("product", matmul_forward="wrong_answer", matmul_layouts="not_applicable")
    some = some.model_copy(update={"run": some.run.model_copy(update={"only": "matmul.f*"})})
    result = measure([one], {("product", 1): some}, 1)
    assert result.sound and [cell.criterion for cell in result.cells] == ["matmul.forward"]


def test_a_quick_look_keeps_the_right_ones_and_the_core() -> None:
    """Only wrong entries that no check is kept for are thinned out."""
    wrong = [about("scan.py", f"wrong-{number}", fails=["scan.values"]) for number in range(5)]
    core = about("scan.py", "core", fails=["scan.values"], core=True)
    right = [entry(f"right-{number}", "accepted") for number in range(3)]
    names = [entry.name for entry in quick([*right, *wrong, core], 4)]
    assert names == ["right-0", "right-1", "right-2", "wrong-0", "wrong-4", "core"]
