"""However a candidate's tests are written, verify.tests runs them as their author does, and says what they are worth.

A suite of tests/corpus/suites is laid over the reference, with what several demand alike (demands/) where it wants it.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from grader import rubric
from grader.grade import grade
from grader.models import CriterionResult, Job, Verdict
from grader.project import DEFAULT_RUBRIC, REFERENCE
from grader.validity.corpus import PARTS

SUITES = Path(__file__).parent / "corpus" / "suites"
EVERY = {path.parent.name: tomllib.loads(path.read_text()) for path in sorted(SUITES.glob("*/suite.toml"))}


def lay(name: str, target: Path) -> None:
    """Write the reference with one suite into a folder that is not there yet."""
    shutil.copytree(SUITES / name, target, ignore=shutil.ignore_patterns("suite.toml"))
    for part in PARTS:
        shutil.copy(REFERENCE / part, target / part)
    for path, what in EVERY[name].get("demands", {}).items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REFERENCE / what if what in PARTS else SUITES / "demands" / f"{what}.py", target / path)


def judge(folder: Path, seed: int) -> CriterionResult:
    """Grade nothing but the tests of a submission."""
    lines = rubric.load(DEFAULT_RUBRIC)
    digest = rubric.digest(lines)
    card = grade(
        Job(path=str(folder), name="a", rubric=lines, rubric_digest=digest, sandbox="bubblewrap", seed=seed, only="v*")
    )
    return next(line for line in card.criteria if line.id == "verify.tests")


@pytest.mark.parametrize("name", [name for name, suite in EVERY.items() if suite["right"]])
def test_a_right_suite_is_accepted(name: str, tmp_path: Path) -> None:
    """It passes on the reference and catches what is planted, each bug by a test of its own."""
    lay(name, tmp_path / "a")
    line = judge(tmp_path / "a", seed=3)
    check = line.checks[0]
    assert line.verdict is Verdict.accepted, f"{EVERY[name]['why']}: {check.message}"
    assert check.evidence["fraction"] >= 0.8


@pytest.mark.parametrize("name", [name for name, suite in EVERY.items() if not suite["right"]])
def test_a_suite_that_tests_nothing_of_the_solution_is_not(name: str, tmp_path: Path) -> None:
    """An exit status of 0 is no pass, and neither is a test that its author's own solution alone can pass or fail."""
    lay(name, tmp_path / "a")
    line = judge(tmp_path / "a", seed=3)
    assert line.verdict is not Verdict.accepted and line.earned == 0, EVERY[name]["why"]
