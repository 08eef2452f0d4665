"""Many submissions: each in a process of its own, whose death, garbage or silence hurts no other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from grader import batch, score
from grader.models import Event, Job, Outcome, Rubric, RunInfo, Scorecard

RUBRIC = Rubric.model_validate(
    {
        "schema": "rubric/1",
        "name": "small",
        "title": "Small",
        "criteria": [{"id": "gpt.load", "title": "Loads.", "points": 100}],
    }
)


def job(name: str) -> Job:
    return Job(path=f"/nowhere/{name}", name=name, rubric=RUBRIC, rubric_digest="sha256:1", sandbox="docker", seed=1)


def scorecard(name: str) -> str:
    run = RunInfo(seed=1, sandbox="docker", started_at="2026-01-01T00:00:00Z", duration_s=1, rubric_digest="sha256:1")
    return batch.Line(scorecard=score.rejected(job(name), run, "for the test")).model_dump_json(by_alias=True)


# Stands in for `python -m grader.batch`; each submission's name says what becomes of it.
SCRIPT = r"""
import json, os, signal, sys, time
job = json.loads(sys.stdin.readline())
name, cards = job["name"], json.loads(sys.argv[1])
def say(line):
    print(line, flush=True)
if name.startswith("good"):
    say(json.dumps({"event": {"submission": name, "kind": "criterion", "text": "gpt.load", "verdict": "accepted"}}))
    say(cards[name])
elif name == "slow":
    time.sleep(0.3); say(cards[name])
elif name == "exit": sys.exit(7)
elif name == "killed": os.kill(os.getpid(), signal.SIGKILL)
elif name == "garbage": say("{]"); time.sleep(60)
elif name == "talkative": sys.stderr.write("x" * 3_000_000 + "\nOutOfCheese: redo from start\n"); sys.exit(1)
elif name == "mistaken": say(cards["good"])
elif name == "half": sys.stdout.write(cards["good"][:100]); sys.exit(0)
elif name == "silent": time.sleep(60)
elif name == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN); print("{}", flush=True); time.sleep(60)
elif name == "lingering": say(cards[name]); time.sleep(0.5); os.abort()
elif name == "parent":
    if not os.fork():
        time.sleep(60)
    sys.exit(3)
elif name == "environment": sys.stderr.write(json.dumps(dict(os.environ))); sys.exit(1)
"""


def command(*names: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, json.dumps({name: scorecard(name) for name in (*names, "good")})]


def run(
    names: Sequence[str], at_once: int = 1, limit_s: float | None = None
) -> tuple[list[Event], dict[str, Scorecard]]:
    said = list(batch.run([job(name) for name in names], at_once, command(*names), limit_s))
    cards = [item for item in said if isinstance(item, Scorecard)]
    assert len(cards) == len(names)
    return [item for item in said if isinstance(item, Event)], {card.submission.name: card for card in cards}


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_job_gets_its_scorecard(at_once: int) -> None:
    """Events come as they happen, and each job ends with one scorecard of its own."""
    names = ["good1", "good2", "slow", "good3"]
    events, cards = run(names, at_once)
    assert set(cards) == set(names)
    assert all(card.outcome is Outcome.rejected for card in cards.values())
    assert sorted(event.submission for event in events) == ["good1", "good2", "good3"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exit", "ended with status 7 without a scorecard"),
        ("killed", "ended with status -9"),
        ("garbage", "it said what is no message: b'{]"),
        ("talkative", "OutOfCheese: redo from start"),
        ("mistaken", "another submission's scorecard"),
        ("half", "no message"),
    ],
)
def test_a_child_that_fails_is_a_harness_error_and_the_others_go_on(name: str, reason: str) -> None:
    """No score is made up for a dead child, its reason is said in bounded length, and its neighbours are graded."""
    _, cards = run(["good1", name, "good2"], at_once=2)
    assert cards[name].outcome is Outcome.harness_error and cards[name].score is None
    assert reason in cards[name].reason and len(cards[name].reason) < 5000
    assert cards["good1"].outcome is cards["good2"].outcome is Outcome.rejected


@pytest.mark.parametrize("name", ["silent", "deaf"])
def test_a_child_that_takes_too_long_is_ended(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that ignores SIGTERM is given up, and those beside it are not."""
    monkeypatch.setattr(batch, "GRACE_S", 0.5)
    before = time.monotonic()
    _, cards = run([name, "good1"], at_once=2, limit_s=0.5)
    assert time.monotonic() - before < 20
    assert "took too long" in cards[name].reason
    assert cards["good1"].outcome is Outcome.rejected


def test_a_scorecard_counts_however_its_process_ends() -> None:
    """torch may crash when Python shuts down; a verdict that was given stays given."""
    _, cards = run(["lingering"])
    assert cards["lingering"].outcome is Outcome.rejected


def test_what_a_child_leaves_behind_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grandchild that keeps the pipe open does not keep us waiting beyond the limit."""
    monkeypatch.setattr(batch, "GRACE_S", 0.5)
    before = time.monotonic()
    _, cards = run(["parent"], limit_s=0.5)
    assert time.monotonic() - before < 20
    assert cards["parent"].outcome is Outcome.harness_error


def test_the_callers_pytest_and_python_settings_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTEST_ADDOPTS in somebody's shell cannot change what the judge collects or believes."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--deselect everything")
    monkeypatch.setenv("PYTEST_PLUGINS", "cheat")
    monkeypatch.setenv("PYTHONPATH", "/tmp/evil")
    monkeypatch.setenv("PYTHONSTARTUP", "/tmp/evil.py")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/mine.sock")
    environment = batch.environment()
    assert not [name for name in environment if name.startswith("PYTEST")] and "PYTHONSTARTUP" not in environment
    assert environment.get("PYTHONPATH") != "/tmp/evil"
    assert environment["DOCKER_HOST"] == "unix:///run/mine.sock"
    _, cards = run(["environment"])
    assert "PYTEST_ADDOPTS" not in cards["environment"].reason and "DOCKER_HOST" in cards["environment"].reason


def test_no_process_to_start_is_a_harness_error() -> None:
    """Where not even a process can be had, each submission says so."""
    (card,) = list(batch.run([job("good")], 1, ["/nowhere/python"]))
    assert isinstance(card, Scorecard) and "no process could be started" in card.reason


def test_closing_takes_every_child_down() -> None:
    """Whoever stops listening (Ctrl-C) leaves no process behind, and keeps what was finished."""
    others = set(children_of(os.getpid()))  # of other tests: a browser, say
    listening = batch.run([job("good1"), job("silent"), job("silent")], 3, command("good1", "silent"))
    for item in listening:
        if isinstance(item, Scorecard):
            break
    assert len(set(children_of(os.getpid())) - others) == 2
    listening.close()
    wait_until(lambda: not set(children_of(os.getpid())) - others)


# --- the real child ---------------------------------------------------------------------------------------------------


def children_of(pid: int) -> list[int]:
    """Give the living children of a process, from /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone since it was listed
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(status.parent.name))
    return found


def wait_until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start_child(**settings: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(batch.CHILD, stdin=pipe, stdout=pipe, stderr=pipe, env=batch.environment() | settings)


def test_the_child_answers_a_fault_of_ours_with_a_scorecard() -> None:
    """A submission that vanished since it was checked has no score, and the reason is not a traceback."""
    child = start_child()
    assert child.stdin and child.stdout
    child.stdin.write(job("gone").model_dump_json(by_alias=True).encode() + b"\n")
    child.stdin.flush()
    card = batch.Line.model_validate_json(child.stdout.readline()).scorecard
    child.communicate(timeout=20)
    assert card is not None and card.outcome is Outcome.harness_error
    assert card.reason == "/nowhere/gone: no such file or folder"


def test_the_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """When the parent is killed, standard input ends, and with it the child."""
    script = (
        "import os, threading, time\n"
        "from grader import batch\n"
        "threading.Thread(target=batch._follow_parent, args=(0,), daemon=True).start()\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, env=batch.environment())
    assert child.stdin
    child.stdin.close()
    assert child.wait(20) == -signal.SIGTERM
