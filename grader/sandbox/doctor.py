"""Attack the sandboxes of this machine, and say which promises they keep and what to do about the rest."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from grader.errors import GraderError
from grader.models import Limits
from grader.sandbox import choose
from grader.sandbox.base import SPARE_PROCESSES, Deadline, Room, Sandbox, SandboxGone
from grader.sandbox.promises import PROMISES, Promise

PROGRAM = Path(__file__).with_name("trial.py")
ANSWER_WITHIN_S = 60.0
GONE_WITHIN_S = 10.0
LIMITS = Limits(memory_mib=640, processes=24, tmp_mib=16)  # small ones are hit sooner
USER_NAMESPACES = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")

Result = Literal["held", "best effort", "broken"]


@dataclass(frozen=True)
class Finding:
    """What came of one promise."""

    promise: str
    required: bool
    tested: str
    result: Result
    detail: str = ""
    advice: str = ""


@dataclass
class Report:
    """What was found about one sandbox."""

    sandbox: str
    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    fault: str = ""  # why it could not be tried at all
    advice: str = ""

    @property
    def sound(self) -> bool:
        """Whether every required promise is held, so that `grade` uses it without being told to."""
        return not self.fault and all(finding.result == "held" for finding in self.findings if finding.required)


def diagnose() -> list[Report]:
    """Attack each sandbox from inside, and say what came of it. An image that is missing is built."""
    return [examine("docker"), examine("bubblewrap")]


def as_json(reports: list[Report]) -> str:
    """Give reports as doctor/1: docs/pipelines.md says what stands in it."""
    found: list[dict[str, Any]] = [asdict(report) | {"sound": report.sound} for report in reports]
    return json.dumps({"schema": "doctor/1", "sandboxes": found}, indent=2)


def examine(name: str) -> Report:
    """Attack one sandbox from inside, and say what came of it."""
    report = Report(name)
    try:
        sandbox = choose(name)
        sandbox.prepare(lambda text: print(text, file=sys.stderr, flush=True))
        _attack(sandbox, report)
    except SandboxGone as gone:
        report.fault, report.advice = f"a sandbox was started and ended at once: {gone}", _why_it_ends(name)
    except Deadline:
        report.fault = f"a sandbox was started and said nothing for {ANSWER_WITHIN_S:.0f} s"
    except GraderError as error:
        report.fault = str(error)
    return report


def _attack(sandbox: Sandbox, report: Report) -> None:
    started = time.monotonic()
    room = sandbox.open(LIMITS, PROGRAM.read_text(encoding="utf-8"))
    faults: dict[str, list[str]] = {}
    try:
        open_s = time.monotonic() - started
        room.send(f"{LIMITS.processes + SPARE_PROCESSES}\n".encode(), started + ANSWER_WITHIN_S)
        faults |= json.loads(_answer(room))
        asked = time.monotonic()
        torch_version = _ask(room, "torch")
        image = f" from {room.image}" if room.image else ""
        report.facts.append(
            f"starts in {open_s:.2f} s{image}; torch {torch_version} in {time.monotonic() - asked:.1f} s"
        )
        for text in room.broken():
            name, _, detail = text.partition(": ")
            faults.setdefault(name, []).append(detail)
        before = room.usage()
        end = _ask(room, f"memory {LIMITS.memory_mib + 64}")
        after = room.usage()
        kills = (after.oom_kills or 0) - (before.oom_kills or 0)
        # Without a figure of kills, what the limit is made of says whether it is strict: best_effort names it.
        faults["memory"] = [] if end == "SIGKILL" and (kills or after.oom_kills is None) else [f"the child {end}"]
        faults["processor time"] = [] if after.cpu_s else ["it cannot be read from outside"]
        faults["swap"] = []
        faults["end"] = _end(room)
        weak = dict(text.partition(": ")[::2] for text in room.best_effort)
    finally:
        room.close()
    report.findings = [_finding(promise, faults[promise.name], weak.get(promise.name, "")) for promise in PROMISES]


def _finding(promise: Promise, faults: list[str], best_effort: str) -> Finding:
    result: Result = "held"
    if best_effort or (faults and not promise.required):
        result = "best effort"
    elif faults:
        result = "broken"
    detail = best_effort or "; ".join(faults)
    advice = "" if result == "held" else promise.advice or "do not use this sandbox here"
    return Finding(promise.name, promise.required, promise.tested, result, detail, advice)


def _ask(room: Room, word: str) -> str:
    room.send(f"{word}\n".encode(), time.monotonic() + ANSWER_WITHIN_S)
    return _answer(room).decode().strip()


def _answer(room: Room) -> bytes:
    answer, deadline = b"", time.monotonic() + ANSWER_WITHIN_S
    while not answer.endswith(b"\n"):
        answer += room.receive(deadline)
    return answer


def _end(room: Room) -> list[str]:
    """Close the room over processes that do not want to go: what is left of them, as far as this machine can see."""
    token = secrets.token_hex(8)
    _ask(room, f"stay {token}")
    started = time.monotonic()
    room.close()
    took_s = time.monotonic() - started
    while left := processes_with(token):
        if time.monotonic() > started + GONE_WITHIN_S:
            return [f"process {left[0]} is still there"]
        time.sleep(0.02)
    return [f"closing took {took_s:.0f} s"] if took_s > GONE_WITHIN_S else []


def processes_with(token: str) -> list[int]:
    """Give the processes of this machine whose command line holds token; a zombie has none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _why_it_ends(name: str) -> str:
    if name != "bubblewrap":
        return "see the engine's log; `grader image` builds the image again if it is missing"
    if os.getuid() != 0 and USER_NAMESPACES.exists() and USER_NAMESPACES.read_text().strip() == "1":
        return (
            "AppArmor keeps user namespaces from ordinary programs here: give bwrap a profile that allows `userns`, or "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    return (
        "bubblewrap 0.8 or later and user namespaces are needed (sysctl user.max_user_namespaces above 0; inside a "
        "container, one that allows them)"
    )
