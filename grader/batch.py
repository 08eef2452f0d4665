"""Many submissions on this machine: each in a child process, so that none can take another, or us, with it.

A child reads one Job as a line of JSON and answers with lines of JSON: events, then one scorecard. Its standard input
stays open for as long as the parent lives, so that it cannot outlive it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import IO

from pydantic import ValidationError

from grader import __version__, score
from grader.errors import GraderError
from grader.models import Event, Frozen, Job, RunInfo, Scorecard
from grader.project import PACKAGE

CHILD = (sys.executable, "-P", "-m", "grader.batch")
GRACE_S = 15.0  # for a child to take its sandbox down
LINE_BYTES = 64 * 2**20
WORDS_BYTES = 4096  # of a dead child's last words

# Settings of the caller that would change how the judge's Python or pytest behave.
SCRUBBED = ("PYTEST_", "PYTHON", "COV_", "COVERAGE_")


class Line(Frozen):
    """What a child says, one a line."""

    event: Event | None = None
    scorecard: Scorecard | None = None


# --- the parent -------------------------------------------------------------------------------------------------------


@dataclass
class _Child:
    """One running child process, followed by threads."""

    job: Job
    process: subprocess.Popen[bytes]
    started: datetime
    deadline: float  # on time.monotonic()
    words: deque[bytes] = field(default_factory=lambda: deque(maxlen=64))
    overdue: bool = False
    thread: threading.Thread = field(default_factory=threading.Thread)


def run(
    jobs: Sequence[Job], at_once: int = 1, command: Sequence[str] = CHILD, limit_s: float | None = None
) -> Generator[Event | Scorecard]:
    """Grade jobs, `at_once` at a time: gives events as they come, and one scorecard for every job.

    A child that crashes, says garbage or takes longer than limit_s is a harness error, and the others go on. Closing
    the iterator takes every child down.
    """
    waiting = deque(jobs)
    live: list[_Child] = []
    inbox: queue.Queue[Event | tuple[_Child, Scorecard]] = queue.Queue()
    try:
        while waiting or live:
            while waiting and len(live) < at_once:
                started = _start(waiting.popleft(), command, limit_s, inbox)
                if isinstance(started, Scorecard):
                    yield started
                else:
                    live.append(started)
            if not live:
                continue
            try:
                item = inbox.get(timeout=max(0.0, min(child.deadline for child in live) - time.monotonic()) + 0.01)
            except queue.Empty:
                for child in live:
                    if time.monotonic() >= child.deadline:
                        # Asked to end first, then forced; what it said before still counts.
                        _kill(child.process) if child.overdue else child.process.terminate()
                        child.overdue, child.deadline = True, time.monotonic() + GRACE_S
                continue
            if isinstance(item, Event):
                yield item
            else:
                live.remove(item[0])
                yield item[1]
    finally:
        _end(live)


def limit_of(job: Job) -> float:
    """Give the seconds after which a child is given up: far beyond what the rubric's own limits add up to."""
    limits = job.rubric.limits
    return 600 + 4 * limits.start_s + 6 * limits.part_s


def environment() -> dict[str, str]:
    """Give a child's environment: ours, without what steers Python or pytest, and with the way to this package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}
    if (PACKAGE.parent / "pyproject.toml").is_file():  # a checkout, which need not be installed
        kept["PYTHONPATH"] = str(PACKAGE.parent)
    return kept


def _start(
    job: Job, command: Sequence[str], limit_s: float | None, inbox: queue.Queue[Event | tuple[_Child, Scorecard]]
) -> _Child | Scorecard:
    started = datetime.now(UTC)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,  # Ctrl-C reaches us alone, and we end it in order
        )
    except OSError as error:
        return _failed(job, started, f"no process could be started: {error.strerror}")
    child = _Child(job, process, started, time.monotonic() + (limit_of(job) if limit_s is None else limit_s))
    child.thread = threading.Thread(target=_follow, args=(child, inbox), daemon=True)
    child.thread.start()
    return child


def _follow(child: _Child, inbox: queue.Queue[Event | tuple[_Child, Scorecard]]) -> None:
    """Talk to one child until it has a scorecard or is gone; always puts a scorecard in the end."""
    process, card, fault = child.process, None, ""
    assert process.stdin and process.stdout and process.stderr
    drain = threading.Thread(target=_keep_words, args=(process.stderr, child.words), daemon=True)
    drain.start()
    with contextlib.suppress(OSError):  # it may be dead already
        process.stdin.write(child.job.model_dump_json(by_alias=True).encode() + b"\n")
        process.stdin.flush()
    try:
        while card is None and (line := process.stdout.readline(LINE_BYTES)):
            said = Line.model_validate_json(line)
            if said.event is not None:
                inbox.put(said.event)
            card = said.scorecard
        if card is not None and card.submission.name != child.job.name:
            card, fault = None, "it gave another submission's scorecard"
    except ValidationError:
        fault = f"it said what is no message: {line[:200]!r}"
    except Exception as error:
        fault = f"it could not be followed: {error}"
    if fault:
        _kill(process)
    try:
        process.wait(GRACE_S if card is not None else None)
    except subprocess.TimeoutExpired:
        pass
    _kill(process)
    process.wait()
    drain.join(1)
    if card is None:
        status = f"ended with status {process.returncode}"
        fault = fault or ("took too long and was ended" if child.overdue else f"{status} without a scorecard")
        words = b"".join(child.words)[-WORDS_BYTES:].decode("utf-8", "replace").strip()
        reason = f"the grading process failed: {fault}" + (f"; its last words: {words}" if words else "")
        card = _failed(child.job, child.started, reason)
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()
    inbox.put((child, card))


def _keep_words(stderr: IO[bytes], words: deque[bytes]) -> None:
    with contextlib.suppress(OSError), stderr:
        while chunk := stderr.read1(WORDS_BYTES):  # type: ignore[attr-defined]
            words.append(chunk)


def _end(live: list[_Child]) -> None:
    """End children in order; a second Ctrl-C ends them at once."""
    try:
        for child in live:
            child.process.terminate()
        deadline = time.monotonic() + GRACE_S
        for child in live:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for child in live:
            _kill(child.process)
        for child in live:
            child.thread.join(GRACE_S)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and what it left behind: its session is its own."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _failed(job: Job, started: datetime, reason: str) -> Scorecard:
    return score.harness_error(job, _run_info(job, started), reason)


def _run_info(job: Job, started: datetime) -> RunInfo:
    return RunInfo(
        seed=job.seed,
        sandbox=job.sandbox,
        started_at=started.isoformat(timespec="seconds"),
        duration_s=round((datetime.now(UTC) - started).total_seconds(), 3),
        rubric_digest=job.rubric_digest,
        versions={"grader": __version__},
        only=job.only,
    )


# --- the child --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Grade the one job on standard input."""
    signal.signal(signal.SIGTERM, _interrupt)
    job = Job.model_validate_json(sys.stdin.buffer.readline())
    # A descriptor of its own: the judge's pytest puts another file on 0, and that one ends at once.
    lifeline = os.dup(0)
    threading.Thread(target=_follow_parent, args=(lifeline,), daemon=True).start()
    # Whatever prints, here or below us, must not print into the protocol.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(line: Line) -> None:
        answers.write(line.model_dump_json(by_alias=True).encode() + b"\n")
        answers.flush()

    started = datetime.now(UTC)
    try:
        from grader.grade import grade

        card = grade(job, lambda event: say(Line(event=event)))
    except GraderError as error:
        card = _failed(job, started, str(error))
    except Exception as error:
        import traceback

        traceback.print_exc()
        card = _failed(job, started, f"internal error: {type(error).__name__}: {error}")
    say(Line(scorecard=card))


def _interrupt(signum: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows takes the sandbox down
    print(f"ended by signal {signum}", file=sys.stderr, flush=True)
    raise KeyboardInterrupt


def _follow_parent(lifeline: int) -> None:
    """End when the parent does: then standard input ends too."""
    while os.read(lifeline, 4096):
        pass
    print("the parent process is gone", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
