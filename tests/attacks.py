"""The hostile corpus: one attack a file, put into a submission, graded by the real path, and judged against its block.

Children import this module by name: what they run must stand in a file.
"""

from __future__ import annotations

import functools
import os
import re
import runpy
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from grader import batch
from grader import rubric as rubrics
from grader.models import Event, Frozen, Job, Outcome, Rubric, Scorecard, Verdict
from grader.project import DEFAULT_RUBRIC, REFERENCE
from grader.validity.corpus import PARTS, scope

HOSTILE = Path(__file__).parent / "corpus" / "hostile"
BLOCK = re.compile(r"^# /// attack\n((?:#.*\n)+?)# ///$", re.MULTILINE)
FUTURE = "from __future__ import annotations\n"
BLANK = 'raise NotImplementedError("nothing was done here")\n'
STUBS = {
    "minigpt.py": f"""
from dataclasses import dataclass
from torch import nn


@dataclass
class GPTConfig:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    positions: str = "learned"


class MiniGPT(nn.Module):
    def __init__(self, config):
        {BLANK}
""",
    "matmul.py": f"""
import torch


class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        {BLANK}
    @staticmethod
    def backward(ctx, dC):
        {BLANK}
""",
    "scan.py": f"""
def inclusive_scan(xs, combine):
    {BLANK}

def tiled_prefix_matmul(A, B, tile):
    {BLANK}
""",
}

# Short runs: one criterion of each part, and limits that an attack by waiting meets sooner.
ONLY = "*.[lft][oi][alr]*"  # gpt.load, matmul.forward, scan.tiled
HASTE = {"call_s": 4.0, "part_s": 16.0, "tests_s": 6.0, "memory_mib": 1024}
START_S = 30.0  # for what a grade does besides waiting for a submission, on a busy machine
UNSETTLED = ("cache.cost", "matmul.timing")  # a busy machine may leave these to a person
SEED = 11


class Attack(Frozen):
    """One attack and what must come of it."""

    name: str
    group: str
    path: Path
    tries: str = Field(min_length=1)
    base: Literal["reference", "blank"] = "reference"
    into: Literal["minigpt.py", "matmul.py", "scan.py"] = "matmul.py"
    at: Literal["start", "end"] = "end"
    fails: tuple[str, ...] | None = None  # globs of criteria that must not be accepted
    keeps: tuple[str, ...] | None = None  # globs of criteria that must be
    verdicts: dict[str, Verdict] = {}
    rejected: bool = False  # the submission as a whole is refused
    slow: bool = False  # takes long, or differs little from a quick one: only among all attacks
    docker: bool = False  # short runs grade it there too
    only: str = ONLY  # what a short run grades

    @property
    def text(self) -> str:
        return BLOCK.sub("", self.path.read_text(encoding="utf-8"), count=1)

    @property
    def builds(self) -> bool:
        """Whether it makes its submission by a function of its own, on the host."""
        return re.search(r"^def build\(", self.text, re.MULTILINE) is not None

    @property
    def must_fail(self) -> tuple[str, ...]:
        if self.fails is not None:
            return self.fails
        return ("*",) if self.base == "blank" or self.builds else (scope(self.into),)

    @property
    def must_hold(self) -> tuple[str, ...]:
        if self.keeps is not None:
            return self.keeps
        if self.base == "blank" or self.builds:
            return ()
        return tuple(scope(part) for part in PARTS if part != self.into)

    def lay(self, folder: Path, words: dict[str, str]) -> Path:
        """Write the submission into folder, which is its own, and give what is to be graded."""
        home = folder / self.name
        home.mkdir(parents=True)
        for part in PARTS:
            if self.base == "reference":
                shutil.copy(REFERENCE / part, home / part)
            else:
                (home / part).write_text(FUTURE + STUBS[part])
        text = self.text
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        if self.builds:
            script = folder / "attack.py"
            script.write_text(text, encoding="utf-8")
            made = runpy.run_path(str(script))["build"](home)
            script.unlink()
            assert isinstance(made, Path)
            return made
        part = home / self.into
        solution = part.read_text()
        if self.at == "start":
            head, future, rest = solution.partition(FUTURE)
            part.write_text(head + future + text + rest)
        else:
            part.write_text(solution + text)
        return home


def load(folder: Path = HOSTILE) -> list[Attack]:
    """Read every attack; a block that is not right is an error that names its file."""
    attacks = []
    for path in sorted(folder.glob("*/*.py")):
        found = BLOCK.search(path.read_text(encoding="utf-8"))
        try:
            assert found, "it has no block `# /// attack`"
            block = tomllib.loads(re.sub(r"^# ?", "", found[1], flags=re.MULTILINE))
            about = {"name": path.stem, "group": path.parent.name, "path": path}
            attacks.append(Attack.model_validate(block | about))
        except (AssertionError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise ValueError(f"{path.relative_to(folder)}: {error}") from None
    return attacks


@dataclass
class Run:
    """One attack, graded."""

    attack: Attack
    sandbox: str
    budget_s: float
    seconds: float = 0.0
    card: Scorecard | None = None
    faults: list[str] = field(default_factory=list)  # in which way it did not hold

    @property
    def outcome(self) -> str:
        return self.card.outcome.value if self.card else "no scorecard"


def rubric_for(everything: bool) -> Rubric:
    rubric = rubrics.load(DEFAULT_RUBRIC)
    if everything:
        return rubric
    return rubric.model_copy(update={"limits": rubric.limits.model_copy(update=HASTE)})


def budget_s(rubric: Rubric) -> float:
    """Give the seconds that no submission may outlast: its parts' own limits, and what is ours."""
    limits = rubric.limits
    return START_S + len(PARTS) * (limits.part_s + limits.call_s) + limits.tests_s


def grade(
    attacks: Sequence[Attack],
    sandbox: str,
    folder: Path,
    words: dict[str, str],
    everything: bool,
    pids: list[int],
) -> Iterator[Run]:
    """Grade attacks by the real path, two at once, and say of each what did not hold; pids are those who graded."""
    runs: dict[str, Run] = {}
    jobs = []
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    for attack in attacks:
        lines = rubric_for(everything)
        path = attack.lay(folder / attack.name, words)
        jobs.append(
            Job(
                path=str(path), name=attack.name, rubric=lines, rubric_digest=rubrics.digest(lines), sandbox=sandbox,
                seed=SEED, only=None if everything else attack.only,
            )
        )  # fmt: skip
        runs[attack.name] = Run(attack, sandbox, budget_s(lines))
    for item in batch.run(jobs, 2, work=functools.partial(grade_and_say_who, scratch=str(scratch))):
        if isinstance(item, Event):
            if item.text.startswith("pid "):
                pids.append(int(item.text.split()[1]))
            continue
        run = runs[item.submission.name]
        run.card, run.seconds = item, item.run.duration_s
        run.faults = faults(run)
        yield run


def grade_and_say_who(job: Job, send: batch.Send, scratch: str) -> None:
    """Grade in a child that says its number, and whose temporary files go into a folder that is looked at later."""
    send(
        batch.Line(event=Event(submission=job.name, kind="phase", text=f"pid {os.getpid()}")).model_dump_json().encode()
    )
    tempfile.tempdir = scratch
    batch.grade_job(job, send)


def faults(run: Run) -> list[str]:
    """Say in which way an attack did not hold; nothing if it held."""
    attack, card = run.attack, run.card
    assert card
    want = Outcome.rejected if attack.rejected else Outcome.graded
    found = [] if card.outcome is want else [f"it is {card.outcome.value}, not {want.value}: {card.reason}"]
    if run.seconds > run.budget_s:
        found.append(f"it took {run.seconds:.0f} s; its limits add up to {run.budget_s:.0f} s")
    if card.outcome is Outcome.rejected and card.score:
        found.append(f"it is rejected with a score of {card.score}")
    # An attack that can see for itself whether it got through says so.
    found += [line for line in card.output.splitlines() if line.startswith("WORKED")]
    judged = [line for line in card.criteria if fnmatch(line.id, card.run.only or "*")]
    for line in judged:
        said = f"{line.id} is {line.verdict.value}"
        if line.verdict is Verdict.harness_error:
            found.append(said + ": " + "; ".join(check.message[:300] for check in line.checks))
        elif any(fnmatch(line.id, glob) for glob in attack.must_hold):
            unsettled = line.verdict is Verdict.inconclusive and line.id in UNSETTLED
            if line.verdict is not Verdict.accepted and not unsettled:
                found.append(f"{said}, and should be accepted: " + "; ".join(c.message[:200] for c in line.checks))
        elif any(fnmatch(line.id, glob) for glob in attack.must_fail) and (
            line.earned or line.verdict in (Verdict.accepted, Verdict.inconclusive)
        ):
            found.append(f"{said} and earns {line.earned:g}; it should earn nothing")
        if line.id in attack.verdicts and line.verdict is not attack.verdicts[line.id]:
            found.append(f"{said}, not {attack.verdicts[line.id].value}: {[c.message[:200] for c in line.checks]}")
    if not judged and card.outcome is Outcome.graded:
        found.append("nothing of it was judged")
    return found


DONE: pytest.StashKey[list[Run]] = pytest.StashKey()  # what a run of pytest has graded


def token() -> str:
    """Give a word that fits the name of a process and stands nowhere else."""
    return f"hx{secrets.token_hex(5)}"
