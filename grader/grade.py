"""The story on one screen: a submission goes in, runs behind the wall, is judged outside it; a scorecard comes out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    started, clock = datetime.now(UTC), time.monotonic()
    retried: str | None = None
    weak: tuple[str, ...] = ()
    versions = {"grader": __version__, "python": platform.python_version()}
    spans: dict[str, float] = {}

    @contextmanager
    def span(name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            spans[name] = round(time.monotonic() - begun, 3)

    def run_info(best_effort: tuple[str, ...] = (), image: str | None = None, runtime: str | None = None) -> RunInfo:
        return RunInfo(
            seed=job.seed,
            sandbox=job.sandbox,
            started_at=started.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - clock, 3),
            spans=dict(spans),
            rubric_digest=job.rubric_digest,
            versions=versions,
            machine=f"{platform.system()} {platform.release()} {platform.machine()}",
            image=image,
            runtime=runtime,
            only=job.only,
            best_effort=best_effort,
            weak=weak,
            retried=retried,
            limits=job.rubric.limits,
            tolerances=job.rubric.tolerances,
        )

    with span("read"):
        brought = brought or bring(job)
    snapshot = brought.snapshot
    if isinstance(snapshot, Rejected):
        return score.rejected(job, run_info(), str(snapshot))
    info = SubmissionInfo(
        name=job.name,
        digest=snapshot.digest,
        kit=job.kit or snapshot.kit,
        files=tuple(sorted(snapshot.files)),
        refused=snapshot.refused,
    )

    def phase(text: str) -> None:
        tell(Event(submission=job.name, kind="phase", text=text))

    def criterion(name: str, verdict: Verdict | None) -> None:
        tell(Event(submission=job.name, kind="criterion", text=name, verdict=verdict))

    def last() -> None:
        tell(Event(submission=job.name, kind="last", text="running the submission's own tests"))

    def attempt() -> Scorecard:
        nonlocal weak
        with span("open"):
            sandbox = choose(job.sandbox)
            sandbox.prepare(phase)
            phase("starting the sandbox")
            limits = job.rubric.limits
            room = ahead.take(job.sandbox, limits) or sandbox.open(limits)  # imports torch while we do
        try:
            with span("import"):
                from grader import judge
                from grader.candidate import Candidate
        except BaseException:
            room.close()
            raise
        candidate = Candidate(
            snapshot.files, snapshot.refused, job.rubric.limits, lambda: sandbox.open(job.rubric.limits)
        )
        try:
            with span("boot"):  # what the worker's import takes longer than ours
                candidate.boot(room)
            weak = promises.missing(room)
            if weak and not job.allow_weak_sandbox:
                raise HarnessError(
                    f"{job.sandbox} does not keep here what no run should do without: {'; '.join(weak)}. See "
                    "`grader doctor`; use another sandbox, or --allow-weak-sandbox, and the report says so in red"
                )
            phase("judging")
            with span("judge"):
                results = judge.run(candidate, job.rubric, job.seed, job.only, criterion, last)
            if not job.only or fnmatch(DIAGNOSIS, job.only):
                results[DIAGNOSIS] = (diagnose(snapshot.files.get("submission.toml"), job.kit, brought.keys),)
        finally:
            with span("close"):
                candidate.close()
        versions["torch"] = candidate.worker_torch
        output = candidate.output.decode("utf-8", "replace")
        how = run_info(candidate.best_effort, candidate.image, candidate.runtime)
        card = score.build(job.rubric, info, how, results, output)
        changes = change.changes(snapshot.files, brought.keys.get(info.kit or ""))
        return card.model_copy(update={"changes": changes, "notes": change.notes(snapshot.files)})

    try:
        return attempt()
    except SandboxLost as lost:
        # No submission can bring this about, and what comes of it is judged by the same inputs: no second chance.
        retried = str(lost)
        phase(f"once more, in a fresh sandbox: {retried}")
    _wait_for(job.sandbox)
    return attempt()


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
