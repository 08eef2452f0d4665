"""What a sandbox promises is tried rather than claimed, and a sandbox that cannot keep it is not used unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rooms import ROOT, a_room, read_until

from grader import rubric
from grader.errors import HarnessError
from grader.grade import grade
from grader.models import Job
from grader.project import DEFAULT_RUBRIC
from grader.report.html import render_report
from grader.report.summary import render
from grader.sandbox import bubblewrap, cgroup, doctor, promises, scope
from grader.sandbox.base import Sandbox

WALLS = bubblewrap.BubblewrapSandbox._walls


@pytest.fixture
def no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a machine that gives its users no control groups."""
    monkeypatch.setattr(cgroup, "create", lambda limits: None)
    monkeypatch.setattr(scope, "prefix", lambda limits: None)


def test_both_sandboxes_keep_every_promise_here(docker_engine: None) -> None:
    """On the machines that test this project every promise holds in both, the ones that are not required included."""
    reports = doctor.diagnose()
    assert [(report.sandbox, report.sound, report.fault) for report in reports] == [
        ("docker", True, ""),
        ("bubblewrap", True, ""),
    ]
    for report in reports:
        assert [finding.promise for finding in report.findings] == [promise.name for promise in promises.PROMISES]
        assert {finding.result for finding in report.findings} == {"held"}


@pytest.mark.bubblewrap
def test_walls_that_are_taken_away_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attacks mean something: without the walls they succeed, and the sandbox is not sound."""

    def walls(self: Any, limits: Any) -> list[str]:
        arguments = WALLS(self, limits)
        assert arguments[-2:] == ["--remount-ro", "/"]
        added = ["--share-net", "--cap-add", "ALL", "--setenv", "SECRET_OF_THE_HOST", "x", "--uid", "1", "--gid", "1"]
        return arguments[:-2] + added

    monkeypatch.setattr(bubblewrap.BubblewrapSandbox, "_walls", walls)
    report = doctor.examine("bubblewrap")
    found = {finding.promise for finding in report.findings if finding.result == "broken"}
    assert found >= {"network", "namespaces", "files", "identity", "capabilities", "environment"}
    assert not report.sound


@pytest.mark.bubblewrap
def test_a_filter_that_is_not_there_is_seen_from_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the seccomp program the calls work inside, and the kernel says outside that nothing is filtered."""
    from grader.sandbox import seccomp

    allow_all = b"\x06\x00\x00\x00\x00\x00\xff\x7f"  # BPF: return SECCOMP_RET_ALLOW
    monkeypatch.setattr(seccomp, "bpf", lambda: allow_all)
    report = doctor.examine("bubblewrap")
    assert {finding.promise: finding.result for finding in report.findings}["system calls"] == "broken"


@pytest.mark.bubblewrap
@pytest.mark.usefixtures("no_groups")
def test_without_control_groups_doctor_says_best_effort() -> None:
    """What a host cannot give is named, with what to do, and the sandbox is weak."""
    report = doctor.examine("bubblewrap")
    found = {finding.promise: finding for finding in report.findings}
    assert not report.sound
    assert {name for name, finding in found.items() if finding.result == "best effort"} >= {"memory", "processor time"}
    assert "no control group" in found["memory"].detail and "control groups" in found["memory"].advice


def test_a_sandbox_that_cannot_start_is_a_fault_with_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No engine, no bwrap: both reasons are told, in the table as in JSON, and the exit status is 3."""
    from grader.admin import app
    from grader.cli import run

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(app, "grader", ["doctor"]) == 3
    said = capsys.readouterr().out
    assert "no Docker engine answers" in said and "apt-get install bubblewrap" in said
    assert run(app, "grader", ["doctor", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "doctor/1"
    assert [(one["sandbox"], one["sound"], one["findings"]) for one in said["sandboxes"]] == [
        ("docker", False, []),
        ("bubblewrap", False, []),
    ]


@pytest.mark.bubblewrap
def test_json_holds_every_promise() -> None:
    """A pipeline can read promise, result and whether it is required, by a stable name."""
    command = [sys.executable, "-m", "grader.admin", "doctor", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "DOCKER_HOST": "tcp://0"}
    )
    assert done.returncode == 0, done.stderr
    (_, bubble) = json.loads(done.stdout)["sandboxes"]
    assert bubble["sound"] is True
    assert {(one["promise"], one["required"], one["result"]) for one in bubble["findings"]} == {
        (promise.name, promise.required, "held") for promise in promises.PROMISES
    }


def test_the_kernel_confirms_the_walls(sandbox: Sandbox) -> None:
    """Seen from outside too, the first process has no capability, a filter, and namespaces of its own."""
    with a_room(sandbox, "print('up', flush=True); input()") as room:
        read_until(room, b"up\n")
        assert room.broken() == () == promises.missing(room)
    ours = promises._status(os.getpid())
    assert ours["Seccomp"] != "2" or ours["NoNewPrivs"] != "1"  # so that what is read inside means something


@pytest.mark.bubblewrap
def test_a_shared_namespace_is_seen_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel does not confirm is missing, whatever the inside would say."""
    from grader.sandbox import choose

    monkeypatch.setattr(
        bubblewrap.BubblewrapSandbox, "_walls", lambda self, limits: [*WALLS(self, limits), "--share-net"]
    )
    with a_room(choose("bubblewrap"), "print('up', flush=True); input()") as room:
        read_until(room, b"up\n")
        assert promises.missing(room) == ("namespaces: it shares this machine's (net)",)


def a_job(tmp_path: Path, **fields: Any) -> Job:
    folder = tmp_path / "weak"
    folder.mkdir(exist_ok=True)
    (folder / "matmul.py").write_text((ROOT / "reference" / "matmul.py").read_text())
    lines = rubric.load(DEFAULT_RUBRIC)
    return Job(
        path=str(folder), name="weak", rubric=lines, rubric_digest=rubric.digest(lines), sandbox="bubblewrap", seed=1,
        only="matmul.forward", **fields,
    )  # fmt: skip


@pytest.mark.bubblewrap
@pytest.mark.usefixtures("no_groups")
def test_a_weak_sandbox_is_refused(tmp_path: Path) -> None:
    """Nothing is graded where a required promise is best effort, and the error says which and what to do."""
    with pytest.raises(HarnessError, match=r"memory: no control group.*grader doctor.*--allow-weak-sandbox"):
        grade(a_job(tmp_path))


@pytest.mark.bubblewrap
@pytest.mark.usefixtures("no_groups")
def test_a_weak_sandbox_that_is_allowed_stands_in_the_report(tmp_path: Path) -> None:
    """Who allows it gets a score, and every reader is told what it was got in."""
    job = a_job(tmp_path, allow_weak_sandbox=True)
    card = grade(job)
    assert card.score == 100 and [text.split(":")[0] for text in card.run.weak] == ["memory", "processes"]
    page = render_report(card, job.rubric)
    assert "Graded in a weak sandbox" in page and "held every limit" not in page
    assert "Graded in a weak sandbox" in render([card], job.rubric)


@pytest.mark.bubblewrap
def test_a_sound_sandbox_says_nothing_of_it(tmp_path: Path) -> None:
    """On a machine with control groups neither flag nor warning is needed."""
    job = a_job(tmp_path)
    card = grade(job)
    assert card.run.weak == ()
    assert "weak sandbox" not in render_report(card, job.rubric)


def test_looking_from_outside_costs_next_to_nothing(sandbox: Sandbox) -> None:
    """It is done once for each submission: some files in /proc are read, nothing is started."""
    with a_room(sandbox, "print('up', flush=True); input()") as room:
        read_until(room, b"up\n")
        began = time.process_time()
        for _ in range(20):
            room.broken()
        assert time.process_time() - began < 1
