"""What can read the reference runs alone: no process of the solution is alive while the candidate's tests run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader import rubric
from grader.candidate import Candidate
from grader.grade import grade
from grader.models import Job, Verdict
from grader.project import DEFAULT_RUBRIC, REFERENCE


def test_the_solutions_sandbox_is_closed_before_the_tests_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the rubric's lines; and nothing is asked of the solution afterwards."""
    (tmp_path / "scan.py").write_bytes((REFERENCE / "scan.py").read_bytes())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_a():\n    assert True\n")
    seen: list[tuple[str, bool]] = []  # what was asked, and whether another candidate had a sandbox then
    every: list[Candidate] = []
    call, start = Candidate.call, Candidate.__init__

    def noting_start(self: Candidate, *args: Any) -> None:
        start(self, *args)
        every.append(self)

    def noting_call(self: Candidate, op: str, *args: Any, **options: Any) -> Any:
        seen.append((op, any(other.room is not None for other in every if other is not self)))
        return call(self, op, *args, **options)

    monkeypatch.setattr(Candidate, "__init__", noting_start)
    monkeypatch.setattr(Candidate, "call", noting_call)
    lines = rubric.load(DEFAULT_RUBRIC)
    lines = lines.model_copy(update={"criteria": lines.criteria[::-1]})  # verify.tests before the scan
    card = grade(
        Job(
            path=str(tmp_path), name="a", rubric=lines, rubric_digest=rubric.digest(lines), sandbox="bubblewrap",
            seed=1, only="[sv]*",
        )
    )  # fmt: skip
    judged = {line.id: line.verdict for line in card.criteria}
    assert judged["scan.values"] is Verdict.accepted and judged["verify.tests"] is Verdict.wrong_answer
    ops = [op for op, _ in seen]
    assert "inclusive" in ops and "run" in ops[-7:] and "inclusive" not in ops[ops.index("run") :]
    assert not any(beside for op, beside in seen if op == "run")
