"""Measure what the wall costs: a grade over the same checks with the submission imported into pytest's own process.

The second is what plain pytest in a container would do, less the start of the container. It proves nothing about a
submission, which could forge every verdict; it exists to be timed. Candidates' tests are left out of both.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import record
from grade_wall import GRADE, ROOT, paired, spread

INSIDE = [sys.executable, str(Path(__file__).resolve()), "--inside"]


def judge_inside(folder: Path) -> float:
    """Judge a submission in this process, from its folder; gives the points it earns, bonus and all, unscaled."""
    import torch
    from torch import Tensor

    from grader import judge, rubric, submission
    from grader.candidate import PART_OF_SECTION, Candidate, CandidateFault, RaisedError
    from grader.models import Verdict
    from grader.project import DEFAULT_RUBRIC
    from grader.worker import child

    class Raised(RaisedError):
        def __init__(self, error: BaseException) -> None:
            CandidateFault.__init__(self, Verdict.runtime_error, str(error))
            self.is_value_error = isinstance(error, ValueError)

    class Unwalled(Candidate):
        """A submission that is called, not asked."""

        server: Any = None

        def enter(self, section: str, solution: Mapping[str, str] | None = None) -> None:
            if section != self._section:
                self._section, part = section, PART_OF_SECTION[section]
                child.warm_up(part)
                self.server = child.PARTS[part](importlib.import_module(part))

        def call(
            self,
            op: str,
            args: Mapping[str, Any] | None = None,
            tensors: Mapping[str, Tensor] | None = None,
            *,
            combine: Any = None,
            may_raise: bool = False,
        ) -> tuple[dict[str, Any], dict[str, Tensor]]:
            child.seed(self.seed)
            try:
                with torch.enable_grad():
                    answer: tuple[dict[str, Any], dict[str, Tensor]] = getattr(self.server, "do_" + op)(
                        dict(args or {}), dict(tensors or {}), combine
                    )
                return answer
            except Exception as error:
                raise (error if isinstance(error, CandidateFault) else Raised(error)) from error

    lines = rubric.load(DEFAULT_RUBRIC)
    files = submission.read(folder, lines.limits).files
    sys.path.append(str(folder))

    def no_room() -> Any:
        raise NotImplementedError

    results = judge.run(Unwalled(files, {}, lines.limits, no_room), lines, 1)
    points = {criterion.id: criterion.points for criterion in lines.criteria}
    right = [name for name, checks in results.items() if all(check.verdict is Verdict.accepted for check in checks)]
    return sum(points[name] for name in right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inside", type=Path, help="judge this folder in this process, once")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sandbox", nargs="+", default=["bubblewrap", "docker"])
    options = parser.parse_args()
    if options.inside:
        print(judge_inside(options.inside))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "alice"
        shutil.copytree(ROOT / "submissions" / "alice", sample, ignore=shutil.ignore_patterns("tests"))
        points = subprocess.run([*INSIDE, sample], check=True, capture_output=True, text=True).stdout.strip()
        rows.append(("points without the wall", points))
        for sandbox in options.sandbox:
            command = [*GRADE, str(sample), "--sandbox", sandbox, "--out", f"{folder}/out", "--seed", "1"]
            times = paired(command, [*INSIDE, str(sample)], options.rounds)
            rows += [
                (f"grade, {sandbox}", spread([a for a, _ in times], "s")),
                ("the same checks without a wall", spread([b for _, b in times], "s")),
                (f"ratio of the two, {sandbox}, paired", spread([a / b for a, b in times], "x")),
            ]
    record.keep("no-wall", rows, rounds=options.rounds)


if __name__ == "__main__":
    main()
