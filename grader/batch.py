"""Many submissions on this machine: each in a child process, so that none can take another, or us, with it.

A child is forked from a server (the standard library's) that has imported torch and the judge, so that is paid
for once. It gets one Job and answers with lines of JSON: events, then one scorecard. It ends when its parent does.
The next child starts, with its sandbox, when one that is at work has closed its first and runs its last check.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from grader import __version__, score, scratch
from grader.errors import GraderError, HarnessError
from grader.models import Event, Frozen, Job, Limits, RunInfo, Scorecard
from grader.project import PACKAGE
from grader.sandbox import ahead
from grader.sandbox.base import ALLOCATOR

if TYPE_CHECKING:
    from grader.grade import Brought

GRACE_S = 15.0  # for a child to take its sandbox down
LINE_BYTES = 64 * 2**20
WORDS_BYTES = 4096  # of a dead child's last words

# Settings of the caller that would change how the judge's Python or pytest behave.
SCRUBBED = ("PYTEST_", "PYTHON", "COV_", "COVERAGE_")

Send = Callable[[bytes], None]
Work = Callable[[Job, Send], None]  # what a child does with its job
Order = Callable[[Send], None]


class Line(Frozen):
    """What a child says, one a line."""

    event: Event | None = None
    scorecard: Scorecard | None = None


# --- the parent -------------------------------------------------------------------------------------------------------


@dataclass
class _Child:
    """One running child process, followed by threads."""

    job: Job
    process: BaseProcess
    answers: Connection
    words: Connection  # its standard output and error
    started: datetime
    deadline: float  # on time.monotonic()
    last_words: deque[bytes] = field(default_factory=lambda: deque(maxlen=64))
    overdue: bool = False
    thread: threading.Thread = field(default_factory=threading.Thread)


_asking = threading.Lock()  # of two that ask at once how a process ended, multiprocessing tells only one
_starting = threading.Lock()  # what starts borrows our environment and output

Inbox = queue.Queue[Event | tuple[_Child, Scorecard]]


class Process:
    """A child process that waits for orders, carries them out one by one, and ends when no more can come."""

    def __init__(self, method: str) -> None:
        """Start it by a method of multiprocessing. Raises OSError."""
        wanted, self._orders = multiprocessing.Pipe(duplex=False)
        self.answers, sends = multiprocessing.Pipe(duplex=False)
        self.words, says = multiprocessing.Pipe(duplex=False)  # its standard output and error
        arguments = (wanted, sends, says, method == "spawn")
        context = multiprocessing.get_context(method)
        # A daemon: whatever we end of, it is asked to end before us.
        self.process: BaseProcess = context.Process(target=_child, args=arguments, daemon=True)  # type: ignore[attr-defined]
        try:
            # To start one is to ask after all others.
            with _asking, _clean_start() if method == "spawn" else contextlib.nullcontext():
                self.process.start()
        except OSError:
            for end in (self._orders, self.answers, self.words):
                end.close()
            raise
        finally:
            for end in (wanted, sends, says):
                end.close()

    def start_sandbox(self, job: Job) -> None:
        """Have it start a sandbox as this job needs it, before it has a job."""
        self._order(partial(_start_sandbox, job.sandbox, job.rubric.limits))

    def do(self, work: Work, job: Job) -> None:
        """Give it its job, its last order."""
        self._order(partial(work, job))
        self._orders.close()

    def _order(self, order: Order) -> None:
        with contextlib.suppress(OSError):  # it may be dead already
            self._orders.send(order)


def start_ahead(jobs: int) -> Process:
    """Start what is needed whatever the jobs are, so that it imports while the caller goes on; `run` takes it.

    The first child imports torch while its sandbox does; where more follow, they are forked from a server that has it.
    Raises HarnessError.
    """
    scratch.sweep()
    try:
        first = Process("spawn")
        if jobs > 1:
            _start_server()
    except OSError as error:
        raise HarnessError(_no_process(error)) from error
    return first


def _no_process(error: OSError) -> str:
    where = f": {error.filename}; make room there, or set TMPDIR" if error.filename else ""
    return f"no process could be started: {error.strerror or error}{where}"


def _start_server() -> None:
    """Start the server that children are forked from, if it does not run. Raises OSError."""
    if sys.platform != "linux":
        return  # a library that has started threads may not fork well there: each child imports for itself
    from multiprocessing import forkserver

    with _starting:
        forkserver.set_forkserver_preload(["grader.preload"])
        # Where its socket goes. A folder of multiprocessing's own would stay for ever when we are killed.
        settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
        if not settings.get("tempdir"):
            with contextlib.suppress(PermissionError):  # somebody else was there first: then there
                settings["tempdir"] = str(scratch.folder())
        with _clean_start():
            forkserver.ensure_running()


def environment() -> dict[str, str]:
    """Give a child's environment: ours, without what steers Python or pytest, with the way to this package, and with
    the sandbox's allocator, so that times on both sides compare."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}
    if (PACKAGE.parent / "pyproject.toml").is_file():  # a checkout, which need not be installed
        kept["PYTHONPATH"] = str(PACKAGE.parent)
    return kept | ALLOCATOR


@contextlib.contextmanager
def _clean_start() -> Iterator[None]:
    """Let what starts here inherit neither the caller's settings nor its output, which would wait for its end."""
    before, clean, outputs = dict(os.environ), environment(), (os.dup(1), os.dup(2))
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.environ.clear()
        os.environ.update(clean)
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for number, saved in zip((1, 2), outputs, strict=True):
            os.dup2(saved, number)
            os.close(saved)
        os.close(null)


def run(
    jobs: Sequence[Job],
    at_once: int = 1,
    work: Work | None = None,
    limit_s: float | None = None,
    first: Process | None = None,
) -> Generator[Event | Scorecard]:
    """Grade jobs, `at_once` at a time: gives events as they come, and one scorecard for every job.

    first is what `start_ahead` gave.

    A child that crashes, says garbage or takes longer than limit_s is a harness error, and the others go on. Closing
    the iterator takes every child down.
    """
    waiting = deque(jobs)
    live: list[_Child] = []
    ready = deque([first] if first else [])
    inbox: Inbox = queue.Queue()
    try:
        while waiting or live:
            while waiting and len(live) < at_once:
                process = ready.popleft() if ready else None
                started = _start(waiting.popleft(), work or grade_job, limit_s, inbox, process)
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
                if item.kind == "last" and len(ready) < min(at_once, len(waiting)):
                    with contextlib.suppress(OSError):  # said where it is needed
                        ready.append(_fork())
                        ready[-1].start_sandbox(waiting[len(ready) - 1])
                yield item
            else:
                live.remove(item[0])
                yield item[1]
    finally:
        _end(live, ready)


def limit_of(job: Job) -> float:
    """Give the seconds after which a child is given up: far beyond what the rubric's own limits add up to."""
    limits = job.rubric.limits
    return 600 + 4 * limits.start_s + 6 * limits.part_s


def _fork() -> Process:
    """Start a child as cheaply as this system can. Raises OSError."""
    _start_server()
    return Process("forkserver" if sys.platform == "linux" else "spawn")


def _start(job: Job, work: Work, limit_s: float | None, inbox: Inbox, ready: Process | None) -> _Child | Scorecard:
    started = datetime.now(UTC)
    try:
        ready = ready or _fork()
    except OSError as error:
        return failed(job, started, _no_process(error))
    ready.do(work, job)
    deadline = time.monotonic() + (limit_of(job) if limit_s is None else limit_s)
    child = _Child(job, ready.process, ready.answers, ready.words, started, deadline)
    child.thread = threading.Thread(target=_follow, args=(child, inbox), daemon=True)
    child.thread.start()
    return child


def _follow(child: _Child, inbox: Inbox) -> None:
    """Listen to one child until it has a scorecard or is gone; always puts a scorecard in the end."""
    process, card, fault = child.process, None, ""
    drain = threading.Thread(target=_keep_words, args=(child.words, child.last_words), daemon=True)
    drain.start()
    try:
        while card is None:
            line = child.answers.recv_bytes(LINE_BYTES)
            said = Line.model_validate_json(line)
            if said.event is not None:
                inbox.put(said.event)
            card = said.scorecard
        if card.submission.name != child.job.name:
            card, fault = None, "it gave another submission's scorecard"
    except EOFError:
        pass
    except ValidationError:
        fault = f"it said what is no message: {line[:200]!r}"
    except Exception as error:
        fault = f"it could not be followed: {error}"
    if fault:
        _kill(process)
    multiprocessing.connection.wait([process.sentinel], GRACE_S if card is not None else None)
    _kill(process)
    multiprocessing.connection.wait([process.sentinel])
    with _asking:
        process.join()
    drain.join(1)
    if card is None:
        status = f"ended with status {process.exitcode}"
        fault = fault or ("took too long and was ended" if child.overdue else f"{status} without a scorecard")
        last = b"".join(child.last_words)[-WORDS_BYTES:].decode("utf-8", "replace").strip()
        reason = f"the grading process failed: {fault}" + (f"; its last words: {last}" if last else "")
        card = failed(child.job, child.started, reason)
    child.answers.close()
    inbox.put((child, card))


def _keep_words(words: Connection, last: deque[bytes]) -> None:
    with contextlib.suppress(OSError), words:
        while chunk := os.read(words.fileno(), WORDS_BYTES):
            last.append(chunk)


def _end(live: list[_Child], ready: Iterable[Process]) -> None:
    """End children in order; a second Ctrl-C ends them at once."""
    processes = [child.process for child in live] + [idle.process for idle in ready]
    try:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + GRACE_S
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            _kill(process)
        for child in live:
            child.thread.join(GRACE_S)


def _kill(process: BaseProcess) -> None:
    """Kill a child and what it left behind: its session is its own, unless it is very young."""
    assert process.pid
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def failed(job: Job, started: datetime, reason: str) -> Scorecard:
    """Give the scorecard of a job that the harness could not do."""
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


def _child(orders: Connection, answers: Connection, words: Connection, fresh: bool) -> None:
    """Do one job, in a session of our own: Ctrl-C reaches the parent alone, which ends us in order."""
    os.setsid()
    os.dup2(words.fileno(), 1)
    os.dup2(words.fileno(), 2)
    signal.signal(signal.SIGTERM, _interrupt)
    parent = multiprocessing.parent_process()
    assert parent
    threading.Thread(target=_follow_parent, args=(parent.sentinel,), daemon=True).start()
    status = 0
    try:
        if fresh:
            import grader.grade  # noqa: F401

            threading.Thread(target=_import_judge, daemon=True).start()
        while True:
            orders.recv()(answers.send_bytes)
    except EOFError:
        pass  # that was all
    except KeyboardInterrupt:
        status = 130
    ahead.close()
    answers.close()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(status)  # all is said; taking torch apart takes a while


def _start_sandbox(name: str, limits: Limits, _: Send) -> None:
    ahead.start(name, limits)


def _import_judge() -> None:
    """Import what takes long beside the start of the sandbox; who needs it waits for it."""
    import grader.preload  # noqa: F401


def grade_job(job: Job, send: Send, brought: Brought | None = None) -> None:
    """Grade one job, with what was brought from another machine: send its events and its scorecard."""

    def say(line: Line) -> None:
        send(line.model_dump_json(by_alias=True).encode())

    started = datetime.now(UTC)
    try:
        from grader.grade import grade

        card = grade(job, lambda event: say(Line(event=event)), brought)
    except GraderError as error:
        card = failed(job, started, str(error))
    except Exception as error:
        import traceback

        traceback.print_exc()
        card = failed(job, started, f"internal error: {type(error).__name__}: {error}")
    say(Line(scorecard=card))


def _interrupt(signum: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows takes the sandbox down
    _say_last(f"ended by signal {signum}")
    raise KeyboardInterrupt


def _say_last(words: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads what the child of a dead parent says
        os.write(2, f"{words}\n".encode())


def _follow_parent(sentinel: int) -> None:
    """End when the parent does."""
    multiprocessing.connection.wait([sentinel])
    _say_last("the parent process is gone")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
