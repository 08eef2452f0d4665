"""Kits are graded as they should be: solved ones fully, untouched ones hardly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from grader import batch
from grader.kit import keys
from grader.models import Scorecard, Verdict
from grader.project import REFERENCE

PARTS = ("minigpt.py", "matmul.py", "scan.py")


@pytest.fixture(scope="module", params=["learned", "rope"])
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scorecard]:
    """Make a kit, hand it in as it is and solved, and grade both by the commands themselves."""
    folder = tmp_path_factory.mktemp("kit")
    environment = os.environ | batch.environment() | {keys.VARIABLE: str(folder / "keys.toml")}

    def run(*arguments: str) -> None:
        command = [sys.executable, "-P", "-m", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    kit, solved, out = folder / "untouched", folder / "solved", folder / "reports"
    run("grader.admin", "kit", "--out", str(kit), "--seed", "11", "--positions", request.param)
    (key,) = keys.read(folder / "keys.toml").values()
    shutil.copytree(kit, solved)
    for part in PARTS:
        shutil.copy(REFERENCE / part, solved / part)
    diagnosis = "".join(f'\n[[diagnosis]]\nbug = "{name}"\n' for name in key.classes)
    (solved / "submission.toml").write_text(f'kit = "{key.kit}"\n{diagnosis}')
    run("grader.cli", str(kit), str(solved), "--sandbox", "bubblewrap", "--out", str(out), "--seed", "5", "-j", "2")
    return {
        name: Scorecard.model_validate_json((out / name / "scorecard.json").read_bytes())
        for name in ("untouched", "solved")
    }


def test_a_solved_kit_earns_everything(graded: dict[str, Scorecard]) -> None:
    """The reference and a full diagnosis earn 104 of 104, scaled to 100."""
    lines = [line for line in graded["solved"].criteria if not line.bonus]
    assert sum(line.points for line in lines) == sum(line.earned for line in lines) == 104
    assert graded["solved"].score == 100


def test_an_untouched_kit_earns_little_and_breaks_nothing(graded: dict[str, Scorecard]) -> None:
    """Stubs and bugs are verdicts, never a fault of the harness."""
    card = graded["untouched"]
    assert card.outcome == "graded" and card.score is not None and card.score < 20
    assert not [line.id for line in card.criteria if line.verdict is Verdict.harness_error]
    assert all(line.earned == 0 for line in card.criteria if line.section in ("matmul", "scan"))
