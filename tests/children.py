"""Stand-ins for what a grading child does, and a look at which processes live.

Children import this module by name: what they run must stand in a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader import __version__, batch, score, submission
from grader.errors import Rejected
from grader.models import CheckResult, Event, Job, RunInfo, SubmissionInfo, Verdict


def tell(send: batch.Send, **event: Any) -> None:
    send(batch.Line(event=Event(**event)).model_dump_json().encode())


def behave(job: Job, send: batch.Send, cards: Mapping[str, bytes]) -> None:
    """Do as the submission's name says; cards are right answers, by name."""
    name = job.name
    if name.startswith("good"):
        tell(send, submission=name, kind="criterion", text="gpt.load", verdict=Verdict.accepted)
        send(cards[name])
    elif name == "nearly":
        tell(send, submission=name, kind="last", text="")
        time.sleep(1)
        send(cards[name])
    elif name == "slow":
        time.sleep(0.3)
        send(cards[name])
    elif name == "exit":
        os._exit(7)
    elif name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif name == "garbage":
        send(b"{]")
        time.sleep(60)
    elif name == "talkative":
        sys.stderr.write("x" * 3_000_000 + "\nOutOfCheese: redo from start\n")
        sys.stderr.flush()
        os._exit(1)
    elif name == "mistaken":
        send(cards["good"])
    elif name == "half":
        send(cards["good"][:100])
    elif name == "silent":
        time.sleep(60)
    elif name == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        send(b"{}")
        time.sleep(60)
    elif name == "lingering":
        send(cards[name])
        time.sleep(0.5)
        os.abort()
    elif name == "parent":
        if not os.fork():
            time.sleep(60)
        os._exit(3)
    elif name == "environment":
        sys.stderr.write(json.dumps(dict(os.environ)))
        sys.stderr.flush()
        os._exit(1)


def grade_as_told(job: Job, send: batch.Send) -> None:
    """Read the submission for real, and judge it as its minigpt.py says."""
    run = RunInfo(
        seed=job.seed,
        sandbox=job.sandbox,
        started_at="2026-01-01T00:00:00+00:00",
        duration_s=1,
        rubric_digest=job.rubric_digest,
        versions={"grader": __version__},
        only=job.only,
    )

    def say(**line: Any) -> None:
        send(batch.Line(**line).model_dump_json(by_alias=True).encode())

    try:
        snapshot = submission.read(Path(job.path), job.rubric.limits)
    except Rejected as error:
        say(scorecard=score.rejected(job, run, str(error)))
        return
    order = snapshot.files.get("minigpt.py", b"").decode()
    if order == "crash":
        os.abort()
    if order == "hang":
        time.sleep(60)
    results = {}
    for line in job.rubric.criteria:
        if line.id.startswith("scan."):
            continue
        verdict = Verdict.wrong_answer if order == "wrong" and line.id.startswith("gpt.") else Verdict.accepted
        message = "::error title=x::\x1b[31mred" if verdict is Verdict.wrong_answer else ""
        results[line.id] = (CheckResult(id="a", verdict=verdict, message=message),)
        say(event=Event(submission=job.name, kind="criterion", text=line.id, verdict=verdict))
    info = SubmissionInfo(name=job.name, digest=snapshot.digest, kit=job.kit or snapshot.kit)
    say(scorecard=score.build(job.rubric, info, run, results))


def run_forever(_job: Job, send: batch.Send) -> None:
    """Say who we are, and wait."""
    started = datetime.now().astimezone()
    tell(send, submission=f"{os.getpid()} {started}", kind="phase", text="")
    time.sleep(60)


def below(pid: int) -> set[int]:
    """Give the living processes below one, from /proc."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone since it was listed
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(status.parent.name)] = int(parent)
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def bwraps(pids: set[int]) -> set[int]:
    """Give those of the processes that are bubblewrap's."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # gone since it was listed
            if Path(f"/proc/{pid}/comm").read_text() == "bwrap\n":
                found.add(pid)
    return found


def wait_until(holds: Callable[[], object], within_s: float = 20) -> None:
    """Wait for a condition, but not for ever."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_if_told(job: Job, brought: object) -> str:
    """Stand in for what a node of a cluster does with a job: kill the node, or be done at once."""
    if job.name == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return batch.failed(job, datetime.now(UTC), "done for the test").to_json(indent=None)
