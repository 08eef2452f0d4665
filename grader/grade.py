"""The story on one screen: a submission goes in, runs behind the wall, is judged outside it; a scorecard comes out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

from grader import __version__, score, submission
from grader.errors import HarnessError, Rejected, SandboxLost
from grader.kit import change, keys
from grader.kit.diagnosis import diagnose
from grader.models import DIAGNOSIS, Event, Job, RunInfo, Scorecard, SubmissionInfo, Verdict
from grader.sandbox import ahead, choose, promises

BACK_WITHIN_S = 20.0  # for an engine that restarts

Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Brought:
    """What a job takes from the machine it was asked on, so that another can grade it."""

    snapshot: submission.Snapshot | Rejected
    keys: dict[str, keys.Key]  # of the submission's kit, and of no other


def bring(job: Job) -> Brought:
    """Read a job's submission and key. Raises UsageError if there is none, HarnessError if the key file is broken."""
    try:
        snapshot = submission.read(Path(job.path), job.rubric.limits)
    except Rejected as rejection:
        return Brought(rejection, {})
    kit = job.kit or snapshot.kit
    known = keys.read(keys.default_path()) if kit else {}
    return Brought(snapshot, {kit: known[kit]} if kit in known else {})


def grade(job: Job, tell: Tell = lambda _: None, brought: Brought | None = None) -> Scorecard:
    """Grade one submission, read here unless it was brought. Raises UsageError if it cannot be read, HarnessError."""
    run = _Run(job, tell)
    with run.span("read"):
        brought = brought or bring(job)
    snapshot = brought.snapshot
    if isinstance(snapshot, Rejected):
        return score.rejected(job, run.info(), str(snapshot))
    try:
        return _attempt(run, snapshot, brought.keys)
    except SandboxLost as lost:
        # No submission can bring this about, and what comes of it is judged by the same inputs: no second chance.
        run.retried = str(lost)
        run.phase(f"once more, in a fresh sandbox: {run.retried}")
    _wait_for(job.sandbox)
    return _attempt(run, snapshot, brought.keys)


def _attempt(run: _Run, snapshot: submission.Snapshot, known: dict[str, keys.Key]) -> Scorecard:
    """Grade a submission in a sandbox of its own. Raises HarnessError, SandboxLost."""
    job, limits = run.job, run.job.rubric.limits
    with run.span("open"):
        sandbox = choose(job.sandbox)
        sandbox.prepare(run.phase)
        run.phase("starting the sandbox")
        room = ahead.take(job.sandbox, limits) or sandbox.open(limits)  # imports torch while we do
    try:
        with run.span("import"):
            from grader import judge
            from grader.candidate import Candidate
    except BaseException:
        room.close()
        raise
    candidate = Candidate(snapshot.files, snapshot.refused, limits, lambda: sandbox.open(limits))
    try:
        with run.span("boot"):  # what the worker's import takes longer than ours
            candidate.boot(room)
        run.weak = promises.missing(room)
        if run.weak and not job.allow_weak_sandbox:
            raise HarnessError(
                f"{job.sandbox} does not keep here what no run should do without: {'; '.join(run.weak)}. See "
                "`grader doctor`; use another sandbox, or --allow-weak-sandbox, and the report says so in red"
            )
        run.phase("judging")
        with run.span("judge"):
            results = judge.run(candidate, job.rubric, job.seed, job.only, run.criterion, run.last)
        if not job.only or fnmatch(DIAGNOSIS, job.only):
            results[DIAGNOSIS] = (diagnose(snapshot.files.get("submission.toml"), job.kit, known),)
    finally:
        with run.span("close"):
            candidate.close()
    run.versions["torch"] = candidate.worker_torch
    info = SubmissionInfo(
        name=job.name,
        digest=snapshot.digest,
        kit=job.kit or snapshot.kit,
        files=tuple(sorted(snapshot.files)),
        refused=snapshot.refused,
    )
    output = candidate.output.decode("utf-8", "replace")
    how = run.info(candidate.best_effort, candidate.image, candidate.runtime)
    card = score.build(job.rubric, info, how, results, output)
    changes = change.changes(snapshot.files, known.get(info.kit or ""))
    return card.model_copy(update={"changes": changes, "notes": change.notes(snapshot.files)})


@dataclass
class _Run:
    """What is noted of a run while it goes on, and told of it."""

    job: Job
    tell: Tell
    versions: dict[str, str] = field(
        default_factory=lambda: {"grader": __version__, "python": platform.python_version()}
    )
    spans: dict[str, float] = field(default_factory=dict)
    weak: tuple[str, ...] = ()
    retried: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Note how long a phase takes."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.spans[name] = round(time.monotonic() - begun, 3)

    def info(self, best_effort: tuple[str, ...] = (), image: str | None = None, runtime: str | None = None) -> RunInfo:
        """Give what the scorecard says of the run so far."""
        return RunInfo(
            seed=self.job.seed,
            sandbox=self.job.sandbox,
            started_at=self.started.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - self.clock, 3),
            spans=dict(self.spans),
            rubric_digest=self.job.rubric_digest,
            versions=self.versions,
            machine=f"{platform.system()} {platform.release()} {platform.machine()}",
            image=image,
            runtime=runtime,
            only=self.job.only,
            best_effort=best_effort,
            weak=self.weak,
            retried=self.retried,
            limits=self.job.rubric.limits,
            tolerances=self.job.rubric.tolerances,
        )

    def phase(self, text: str) -> None:
        self.tell(Event(submission=self.job.name, kind="phase", text=text))

    def criterion(self, name: str, verdict: Verdict | None) -> None:
        self.tell(Event(submission=self.job.name, kind="criterion", text=name, verdict=verdict))

    def last(self) -> None:
        self.tell(Event(submission=self.job.name, kind="last", text="running the submission's own tests"))


def _wait_for(name: str) -> None:
    """Wait until a sandbox can be had. Raises HarnessError where it stays away."""
    until = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            choose(name)
            return
        except HarnessError:
            if time.monotonic() > until:
                raise
        time.sleep(0.5)
