"""The sample submissions get the scorecards that stand in tests/golden/, over both sandboxes.

GOLDEN=write makes the golden files anew from bubblewrap's verdicts; read the diff before you commit it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader import rubric as rubrics
from grader.models import Scorecard, Tolerances
from grader.project import DEFAULT_RUBRIC
from grader.rescore.card import rescore

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
SAMPLES = ("alice", "bob", "carol", "mallory")
SANDBOXES = [
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]
SEED = 20260101

Scorecards = dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=SANDBOXES)
def scorecards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorecards:
    """Grade the four samples in one command, as a pipeline would."""
    command = [Path(sys.executable).parent / "grade", *(f"submissions/{name}" for name in SAMPLES)]
    out = str(tmp_path_factory.mktemp("reports"))
    command += ["-j", "2", "--sandbox", request.param, "--seed", str(SEED), "--json", "--out", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {scorecard["submission"]["name"]: scorecard for scorecard in found}


def verdicts(scorecard: dict[str, Any]) -> dict[str, str]:
    return {criterion["id"]: criterion["verdict"] for criterion in scorecard["criteria"]}


def lost(scorecard: dict[str, Any]) -> set[str]:
    """Give the criteria that earned less than their points, those that do not apply excepted."""
    return {
        criterion["id"]
        for criterion in scorecard["criteria"]
        if criterion["verdict"] != "not_applicable" and criterion["earned"] < criterion["points"]
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_verdicts_are_the_golden_ones(scorecards: Scorecards, name: str) -> None:
    """A change of any verdict of a known submission is seen by a person before it is shipped."""
    scorecard = scorecards[name]
    found = {"score": scorecard["score"], "bonus": scorecard["bonus"], "verdicts": verdicts(scorecard)}
    path = GOLDEN / f"{name}.json"
    if os.environ.get("GOLDEN") == "write" and scorecard["run"]["sandbox"] == "bubblewrap":
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(path.read_text(encoding="utf-8"))


def test_alice_gets_full_marks(scorecards: Scorecards) -> None:
    """A submission that does all that is asked gets 100 of 100, and every bonus point of the part she handed in."""
    assert scorecards["alice"]["score"] == scorecards["alice"]["max_score"] == 100.0
    assert lost(scorecards["alice"]) == set()
    assert scorecards["alice"]["bonus"] > 0


def test_bob_loses_what_he_left_out_and_nothing_else(scorecards: Scorecards) -> None:
    """A cache that recomputes and a backward that does not reduce cost their own criteria only; no bonus was tried."""
    without_bonus = {criterion["id"] for criterion in scorecards["bob"]["criteria"] if not criterion["bonus"]}
    assert lost(scorecards["bob"]) & without_bonus == {"cache.cost", "matmul.broadcast"}


def test_carol_gets_part_b_whole(scorecards: Scorecards) -> None:
    """A missing minigpt.py costs every criterion of part A, by name, and none of part B; no check of A says it held."""
    found = verdicts(scorecards["carol"])
    part_a = [line for line in scorecards["carol"]["criteria"] if line["id"].startswith(("gpt.", "cache."))]
    assert {line["verdict"] for line in part_a} == {"missing"}
    assert {check["verdict"] for line in part_a for check in line["checks"]} == {"missing"}
    assert {found[name] for name in found if name.startswith("matmul.") and name != "matmul.double"} == {"accepted"}


def test_mallory_gains_nothing_by_writing_her_own_marks(scorecards: Scorecards) -> None:
    """Printed verdicts and written result files are output, not marks: the score is what her code earned."""
    earned = sum(criterion["earned"] for criterion in scorecards["mallory"]["criteria"] if not criterion["bonus"])
    assert scorecards["mallory"]["outcome"] == "graded"
    assert scorecards["mallory"]["score"] < 50.0
    assert earned < 50.0


@pytest.mark.parametrize("name", SAMPLES)
def test_rescoring_by_the_rubric_that_graded_is_the_identity(scorecards: Scorecards, name: str) -> None:
    """By the same rubric nothing changes; by way of one that differs in every number, nothing either."""
    graded = Scorecard.model_validate(scorecards[name])
    ours = rubrics.load(DEFAULT_RUBRIC)
    digest = graded.run.rubric_digest
    assert rescore(graded, ours, digest, "").after is graded
    tolerances = Tolerances(**{key: value / 100 for key, value in ours.tolerances})
    lines = tuple(line.model_copy(update={"points": line.points + 1}) for line in ours.criteria)
    other = ours.model_copy(update={"tolerances": tolerances, "criteria": lines})
    there = rescore(graded, other, "sha256:other", "").after
    back = rescore(there, ours, digest, "").after
    assert there.criteria != graded.criteria
    assert (back.criteria, back.score, back.bonus, back.pending) == (
        graded.criteria,
        graded.score,
        graded.bonus,
        graded.pending,
    )


@pytest.mark.bubblewrap
def test_the_log_holds_nothing_of_a_submissions_own_text(tmp_path: Path) -> None:
    """Names, criteria and verdicts are logged; lines of code, output and notes stay in the scorecard and the report."""
    folder = tmp_path / "someone"
    folder.mkdir()
    (folder / "matmul.py").write_text('print("told" * 3)\nkept = "line" * 3\nraise ValueError(kept)  # lineline\n')
    (folder / "NOTES.md").write_text("notenote\n")
    command = [Path(sys.executable).parent / "grade", folder, "--only", "matmul.f*", "--sandbox", "bubblewrap"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "matmul.forward (runtime error)" in done.stderr
    assert not [word for word in ("toldtold", "lineline", "notenote") if word in done.stdout + done.stderr]
    card = (tmp_path / "reports" / "someone" / "scorecard.json").read_text()
    assert "toldtold" in card and "lineline" in card
