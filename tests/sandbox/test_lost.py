"""A sandbox that is lost in the middle: graded once more where nothing inside can have done it, else a verdict."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rooms import ROOT
from test_host import Tunnel

from grader import batch, rubric
from grader.models import Job
from grader.project import DEFAULT_RUBRIC
from grader.sandbox import choose
from grader.sandbox.base import Sandbox

# Grades one job, and waits for a word before each criterion, so that things can happen there.
DRIVER = """
import sys
from grader import grade
from grader.errors import GraderError
from grader.models import Job
grade.BACK_WITHIN_S = 5
def tell(event):
    if event.kind == "criterion" and event.verdict is None:
        print(event.text, file=sys.__stdout__, flush=True)  # what the judge prints goes elsewhere
        sys.stdin.readline()
try: print(grade.grade(Job.model_validate_json(sys.stdin.readline()), tell).to_json(indent=None))
except GraderError as error: print(f"{type(error).__name__}: {error}")
"""
MIDDLE = "matmul.backward"  # the second of two: by then the submission was imported and has answered
# Files in memory belong to no process: whoever is killed for them, they stay, until the first process is killed too.
ENDS_ITS_SANDBOX = """
import os, torch
class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b): return a @ b
    @staticmethod
    def backward(ctx, grad):
        kept = []
        while True:
            kept.append(os.memfd_create("m"))
            for _ in range(16): os.write(kept[-1], b"x" * 2**20)
"""
KILLS_ITS_PARENT = """
import os, signal, torch
class MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b): return a @ b
    @staticmethod
    def backward(ctx, grad): os.kill(os.getppid(), signal.SIGKILL)
"""
Act = Callable[[int], object]  # what happens in the middle; takes the number of the grading process


def graded(folder: Path, sandbox: str, *acts: Act, source: str | None = None) -> tuple[dict[str, Any] | str, int]:
    """Grade a right solution (or source) while acts happen, one an attempt: what it gave, and the attempts."""
    (folder / "alice").mkdir()
    (folder / "alice/matmul.py").write_text(source or (ROOT / "reference/matmul.py").read_text())
    lines = rubric.load(DEFAULT_RUBRIC)
    # To fill the memory takes a busy machine longer than a call may last.
    lines = lines.model_copy(update={"limits": lines.limits.model_copy(update={"call_s": 60.0})})
    job = Job(
        path=str(folder / "alice"), name="alice", rubric=lines, rubric_digest=rubric.digest(lines),
        sandbox=sandbox, seed=1, only="matmul.[fb]*ward",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | batch.environment(),
    )  # fmt: skip
    assert process.stdin and process.stdout
    waiting, before, attempts = list(acts), "", 0
    with process, process.stdin, process.stdout:
        process.stdin.write(job.model_dump_json(by_alias=True) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if not line.startswith("matmul."):
                return json.loads(line) if line.startswith("{") else line, attempts
            if line.strip() != before == MIDDLE or not before:
                attempts += 1
            if before != MIDDLE == line.strip() and waiting:
                waiting.pop(0)(process.pid)
            before = line.strip()
            process.stdin.write("\n")
            process.stdin.flush()
    raise AssertionError(f"the grading process ended with status {process.returncode}")


def kill_sandbox(pid: int) -> None:
    """Kill the sandbox of a grading process as an operator, or a kernel without memory, would: from outside."""
    label = f"label=grader.pid={pid}"
    for bwrap in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in bwrap.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "bwrap":
                os.kill(int(child), signal.SIGKILL)
                return
    found = subprocess.run(["docker", "ps", "-q", "--filter", label], capture_output=True, text=True, check=True)
    subprocess.run(["docker", "kill", *found.stdout.split()], check=True, capture_output=True)


def test_a_sandbox_that_is_killed_from_outside_is_graded_once_more(sandbox: Sandbox, tmp_path: Path) -> None:
    """No submission pays for what an operator did: it is graded again by the same seed, and the scorecard says so."""
    card, attempts = graded(tmp_path, sandbox.name, kill_sandbox)
    assert isinstance(card, dict), card
    assert card["score"] == 100 and card["run"]["seed"] == 1
    assert "from outside" in card["run"]["retried"] or "stopped its container" in card["run"]["retried"]
    assert attempts == 2


@pytest.mark.bubblewrap
def test_a_sandbox_that_is_killed_each_time_is_the_harness_s_fault(tmp_path: Path) -> None:
    """Once more is once: after that there is no score, whatever was accepted before."""
    error, attempts = graded(tmp_path, "bubblewrap", kill_sandbox, kill_sandbox)
    assert error == "SandboxLost: the sandbox was killed from outside, by signal 9; see the system's log\n"
    assert attempts == 2


@pytest.mark.parametrize(
    ("source", "verdict"),
    [(ENDS_ITS_SANDBOX, {"memory_limit", "runtime_error"}), (KILLS_ITS_PARENT, {"wrong_answer"})],
    ids=["out-of-memory", "kill"],
)
def test_a_submission_that_ends_its_own_sandbox_gets_a_verdict_and_no_second_chance(
    sandbox: Sandbox, tmp_path: Path, source: str, verdict: set[str]
) -> None:
    """What something inside can have done, the submission did; no signal from inside reaches the first process."""
    card, attempts = graded(tmp_path, sandbox.name, source=source)
    assert isinstance(card, dict), card
    verdicts = {line["id"]: line["verdict"] for line in card["criteria"]}
    assert verdicts["matmul.forward"] == "accepted" and verdicts[MIDDLE] in verdict
    assert card["run"]["retried"] is None and attempts == 1


# --- the engine -------------------------------------------------------------------------------------------------------


class Fragile(Tunnel):
    """A way to the engine that breaks and may come back at the same address."""

    def restart(self) -> None:
        """Be away for a second."""
        address = self._listener.getsockname()
        self.cut()
        self._open.clear()

        def come_back() -> None:
            time.sleep(1)
            self._listener = socket.create_server(address)
            self._accept()

        threading.Thread(target=come_back, daemon=True).start()


@pytest.mark.docker
def test_an_engine_that_comes_back_costs_a_second_attempt(
    docker_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the engine was away for a second, what was hit is graded again from its start."""
    tunnel = Fragile()
    monkeypatch.setenv("DOCKER_HOST", tunnel.host)
    try:
        card, attempts = graded(tmp_path, "docker", lambda _: tunnel.restart())
    finally:
        tunnel.cut()
    assert isinstance(card, dict), card
    assert card["score"] == 100 and "engine" in card["run"]["retried"]
    assert attempts == 2


@pytest.mark.docker
def test_an_engine_that_stays_away_leaves_no_score(
    docker_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while of waiting the harness has failed, and says what to start."""
    tunnel = Fragile()
    monkeypatch.setenv("DOCKER_HOST", tunnel.host)
    pids: list[int] = []
    error, attempts = graded(tmp_path, "docker", lambda pid: (pids.append(pid), tunnel.cut()))
    assert isinstance(error, str) and error.startswith("HarnessError: no Docker engine answers"), error
    assert attempts == 1

    monkeypatch.delenv("DOCKER_HOST")
    choose("docker").sweep()  # what the dead run could not take away
    assert not subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=grader.pid={pids[0]}"], capture_output=True, check=True
    ).stdout
