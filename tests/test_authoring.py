"""The author's guide, followed to the letter: its example passes right models and fails wrong ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "authoring.md").read_text(encoding="utf-8").split("## A worked example")[1].split("\n## ")[0]
COUNTS = """
_forward = MiniGPT.forward
def _counting(self, idx, targets=None):
    logits, loss = _forward(self, idx, targets)
    self.asked = getattr(self, "asked", 0) + 1
    return logits + 0.01 * self.asked * logits, loss
MiniGPT.forward = _counting
"""


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the grader with what the guide says added to it."""
    home = tmp_path_factory.mktemp("grader")
    for name in ("grader", "rubrics", "fixtures", "reference"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    [check] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    [criterion] = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert len((check + criterion).splitlines()) <= 32
    (home / "grader" / "checks" / "check_stateless.py").write_text(check)
    rubric = home / "rubrics" / "minigpt-matmul.toml"
    rubric.write_text(f"{rubric.read_text()}\n{criterion}")
    return home


@pytest.mark.bubblewrap
@pytest.mark.parametrize(("added", "verdict"), [("", "accepted"), (COUNTS, "wrong_answer")], ids=["right", "wrong"])
def test_the_guides_criterion_judges(grader: Path, tmp_path: Path, added: str, verdict: str) -> None:
    """The reference passes, a model that counts its calls fails, and the report knows the new line."""
    (tmp_path / "someone").mkdir()
    source = (ROOT / "reference" / "minigpt.py").read_text()
    (tmp_path / "someone" / "minigpt.py").write_text(source + added)
    command = [
        sys.executable,
        "-m",
        "grader.cli",
        "someone",
        "--only",
        "gpt.stateless",
        "--sandbox",
        "bubblewrap",
        "--json",
    ]
    environment = {**os.environ, "PYTHONPATH": str(grader)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {line["id"]: line["verdict"] for line in json.loads(done.stdout)["criteria"]}
    assert found["gpt.stateless"] == verdict
    assert "Which of your modules keep" in (tmp_path / "reports" / "someone" / "report.html").read_text() or not added
