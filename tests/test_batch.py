"""Many submissions: each in a process of its own, whose death, garbage or silence hurts no other."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import forkserver
from pathlib import Path

import pytest
from children import behave, below, bwraps, wait_until

from grader import batch, score
from grader.errors import HarnessError
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


def scorecard(name: str) -> bytes:
    run = RunInfo(seed=1, sandbox="docker", started_at="2026-01-01T00:00:00Z", duration_s=1, rubric_digest="sha256:1")
    return batch.Line(scorecard=score.rejected(job(name), run, "for the test")).model_dump_json(by_alias=True).encode()


def stand_in(*names: str) -> batch.Work:
    return partial(behave, cards={name: scorecard(name) for name in (*names, "good")})


def run(
    names: Sequence[str], at_once: int = 1, limit_s: float | None = None
) -> tuple[list[Event], dict[str, Scorecard]]:
    said = list(batch.run([job(name) for name in names], at_once, stand_in(*names), limit_s))
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
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # the next child's server starts with these
    _, cards = run(["environment"])
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    assert "PYTEST_ADDOPTS" not in cards["environment"].reason and "DOCKER_HOST" in cards["environment"].reason


def test_no_process_to_start_is_a_harness_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even a process can be had, each submission says so."""

    def full(*_: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(batch, "_start_server", full)
    (card,) = list(batch.run([job("good")]))
    assert isinstance(card, Scorecard) and "no process could be started: Resource temporarily" in card.reason
    monkeypatch.setattr(batch, "Process", full)
    with pytest.raises(HarnessError, match="no process could be started"):
        batch.start_ahead(1)


def test_closing_takes_every_child_down() -> None:
    """Whoever stops listening (Ctrl-C) leaves no process behind, and keeps what was finished."""
    run(["good"])  # so that the server runs
    others = below(os.getpid())  # of other tests too: a browser, say
    listening = batch.run([job("good1"), job("silent"), job("silent")], 3, stand_in("good1", "silent"))
    for item in listening:
        if isinstance(item, Scorecard):
            break
    assert len(below(os.getpid()) - others) == 2
    listening.close()
    wait_until(lambda: not below(os.getpid()) - others)


def test_the_first_child_starts_before_its_job_is_known() -> None:
    """It imports meanwhile, takes the first job, and ends by itself when none comes."""
    first = batch.start_ahead(2)
    said = batch.run([job("good1"), job("good2")], 1, stand_in("good1", "good2"), first=first)
    assert sum(isinstance(item, Scorecard) and item.outcome is Outcome.rejected for item in said) == 2
    unused = batch.start_ahead(1).process  # and nobody holds the other end any more
    unused.join(20)
    assert unused.exitcode == 0


@pytest.mark.bubblewrap
def test_the_next_child_and_its_sandbox_start_while_the_last_check_runs() -> None:
    """They wait for their turn, and end with us where it does not come."""
    run(["good"])  # so that the server runs
    others = below(os.getpid())

    def sandboxes() -> set[int]:
        return bwraps(below(os.getpid()) - others)

    walled = [job(name).model_copy(update={"sandbox": "bubblewrap"}) for name in ("nearly", "good1", "good2")]
    listening = batch.run(walled, 1, stand_in("nearly", "good1", "good2"))
    assert isinstance(event := next(listening), Event) and event.kind == "last"
    wait_until(sandboxes)
    assert [item.submission.name for item in listening if isinstance(item, Scorecard)] == ["nearly", "good1", "good2"]
    wait_until(lambda: not below(os.getpid()) - others)
    listening = batch.run(walled, 1, stand_in("nearly", "good1", "good2"))
    next(listening)
    wait_until(sandboxes)
    listening.close()
    wait_until(lambda: not below(os.getpid()) - others)


def test_no_child_starts_for_a_job_that_there_is_not() -> None:
    """One that is nearly done makes room for those that wait, and for no more than may run at once."""
    run(["good"])
    others = below(os.getpid())
    listening = batch.run([job("nearly")], 1, stand_in("nearly"))
    next(listening)
    assert len(below(os.getpid()) - others) == 1
    listening.close()


# --- the real child ---------------------------------------------------------------------------------------------------


def test_the_child_answers_a_fault_of_ours_with_a_scorecard() -> None:
    """A submission that vanished since it was checked has no score, and the reason is not a traceback."""
    (card,) = (item for item in batch.run([job("gone")]) if isinstance(item, Scorecard))
    assert card.outcome is Outcome.harness_error
    assert card.reason == "/nowhere/gone: no such file or folder"


def test_the_child_does_not_outlive_its_parent() -> None:
    """When the parent is killed, child and server end too."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import children, test_batch\n"
        "from grader import batch\n"
        "for item in batch.run([test_batch.job('x')], 1, children.run_forever):\n"
        "    print(item.submission, flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent)], stdout=subprocess.PIPE, env=batch.environment()
    )
    assert parent.stdout and parent.stdout.readline()
    family = below(parent.pid)
    assert len(family) >= 2
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
