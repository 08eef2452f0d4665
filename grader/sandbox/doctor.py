"""Which sandboxes work on this machine, which limits hold there, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import GraderError
from grader.models import Limits
from grader.sandbox import choose
from grader.sandbox.base import Deadline, Sandbox, SandboxGone, Usage

ANSWER_WITHIN_S = 60.0
ADVICE = {
    "memory": "let control groups in: run on a system with systemd as an ordinary user with a session, or as root",
    "swap": "switch swap off, or start the kernel with swapaccount=1",
    "processes": "let control groups in: run on a system with systemd as an ordinary user with a session, or as root",
    "processor": "give the engine's host a cpuset control group",
    "system calls": "use an engine built with seccomp",
}
USER_NAMESPACES = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
# What must be so inside, as a program inside sees it.
PROGRAM = """
import os, sys
if os.path.isdir("/opt/site"): sys.path.append("/opt/site")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
def refused(action):
    try: action()
    except OSError: return True
    return False
import socket
facts = {
    "no capability": int(status["CapEff"], 16) == 0 == int(status["CapBnd"], 16),
    "system calls filtered": status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1",
    "no network": refused(socket.socket),
    "read-only": refused(lambda: open("/new", "w")),
    "nobody": os.getuid() == 65534,
    "one processor": len(os.sched_getaffinity(0)) == 1,
}
import torch
print(",".join(name for name, holds in facts.items() if not holds) or "all", torch.__version__, flush=True)
input()
"""


@dataclass(frozen=True)
class Finding:
    """One thing that holds, or does not, and then what to do."""

    ok: bool
    text: str
    advice: str = ""


@dataclass
class Report:
    """What was found about one sandbox."""

    sandbox: str
    works: bool = False
    findings: list[Finding] = field(default_factory=list)


def diagnose() -> list[Report]:
    """Try each sandbox for real, and say what came of it. An image that is missing is built."""
    return [_examine("docker"), _examine("bubblewrap")]


def _examine(name: str) -> Report:
    report = Report(name)
    try:
        sandbox = choose(name)
        sandbox.prepare(lambda text: print(text, file=sys.stderr, flush=True))
        _try(sandbox, report)
    except SandboxGone as gone:
        report.findings.append(Finding(False, f"a sandbox was started and ended at once: {gone}", _why_it_ends(name)))
    except Deadline:
        report.findings.append(Finding(False, f"a sandbox was started and said nothing for {ANSWER_WITHIN_S:.0f} s"))
    except GraderError as error:
        report.findings.append(Finding(False, str(error)))
    return report


def _try(sandbox: Sandbox, report: Report) -> None:
    started = time.monotonic()
    room = sandbox.open(Limits(), PROGRAM)
    try:
        open_s = time.monotonic() - started
        answer = b""
        while not answer.endswith(b"\n"):
            answer += room.receive(started + ANSWER_WITHIN_S)
        ready_s = time.monotonic() - started
        broken, torch_version = answer.decode().rsplit(" ", 1)
        image = f" from {room.image}" if room.image else ""
        report.findings.append(Finding(True, f"starts in {open_s:.2f} s{image}, with torch in {ready_s:.1f} s"))
        report.works = broken == "all"
        if report.works:
            report.findings.append(Finding(True, "read-only, no network, no capability, filtered system calls"))
        else:
            report.findings.append(
                Finding(False, f"these walls do not stand: {broken}", "do not use this sandbox here")
            )
        report.findings.append(Finding(True, f"torch {torch_version.strip()} inside, on {platform.machine()}"))
        report.findings.extend(_limits(room.best_effort, room.usage()))
    finally:
        room.close()


def _limits(best_effort: tuple[str, ...], usage: Usage) -> list[Finding]:
    findings = [Finding(False, f"best effort only: {text}", ADVICE.get(text.split(":")[0], "")) for text in best_effort]
    if not best_effort:
        findings.append(Finding(True, "limits: memory, swap, processes and processor all hold strictly"))
    if usage.cpu_s is None:
        findings.append(
            Finding(False, "processor time cannot be read from outside; timing falls back to the wall clock")
        )
    return findings


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
