"""A sandbox that is started before its submission is known: taken once, by whoever wants just this one, or ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import below, bwraps, wait_until
from rooms import ROOT

from grader.grade import grade
from grader.models import Event, Job, Limits, Outcome
from grader.project import DEFAULT_RUBRIC
from grader.rubric import digest, load
from grader.sandbox import ahead
from grader.sandbox.base import Sandbox, SandboxGone

RUBRIC = load(DEFAULT_RUBRIC)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = below(os.getpid())
    yield
    ahead.close()
    wait_until(lambda: not below(os.getpid()) - before)


def job(path: Path, sandbox: str, only: str) -> Job:
    known = {"rubric": RUBRIC, "rubric_digest": digest(RUBRIC), "seed": 1}
    return Job(path=str(path), name="a", sandbox=sandbox, only=only, **known)


def test_it_is_taken_once(sandbox: Sandbox) -> None:
    ahead.start(sandbox.name, Limits())
    room = ahead.take(sandbox.name, Limits())
    assert room and ahead.take(sandbox.name, Limits()) is None
    room.close()


@pytest.mark.parametrize(("name", "limits"), [("another", Limits()), (None, Limits(memory_mib=1024))])
def test_who_wants_another_gets_none(sandbox: Sandbox, name: str | None, limits: Limits) -> None:
    """Neither a submission with other limits nor one for another sandbox runs in it; it ends."""
    ahead.start(sandbox.name, Limits())
    kept = ahead._kept
    assert kept and ahead.take(name or sandbox.name, limits) is None
    with pytest.raises(SandboxGone):
        kept[2].receive(time.monotonic() + 5)


def test_one_that_does_not_start_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever needs it starts one and complains."""
    monkeypatch.setenv("PATH", "/nowhere")
    ahead.start("bubblewrap", Limits())
    assert ahead.take("bubblewrap", Limits()) is None


def test_a_grade_takes_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead.start(sandbox.name, RUBRIC.limits)
    monkeypatch.setattr(type(sandbox), "open", lambda *_: pytest.fail("another was started"))
    card = grade(job(ROOT / "submissions" / "carol", sandbox.name, "matmul.forward"))
    assert card.outcome is Outcome.graded and card.score == card.max_score


@pytest.mark.bubblewrap
def test_the_first_sandbox_is_closed_when_only_the_tests_are_left(tmp_path: Path) -> None:
    """So the next submission's may start; and what the tests run on, no process with the solution lives to hear of."""
    (tmp_path / "matmul.py").write_text((ROOT / "reference" / "matmul.py").read_text())
    before, seen = below(os.getpid()), []

    def tell(event: Event) -> None:
        seen.append((event.kind, bool(bwraps(below(os.getpid()) - before))))

    grade(job(tmp_path, "bubblewrap", "[mv][ae]*"), tell)
    at = seen.index(("last", False))
    assert ("criterion", True) in seen[:at] and ("criterion", True) not in seen[at:]
