"""The candidate's own tests, run on the reference and on a blind series of planted bugs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from grader.candidate import Candidate, CandidateFault
from grader.checks import after_all, criterion
from grader.checks.cases import Draw
from grader.checks.expect import wrong
from grader.kit.bugs import Bug, apply, load_bugs
from grader.kit.disguise import disguise
from grader.models import Evidence, Verdict, jsonable
from grader.project import REFERENCE

SERIES = {"minigpt.py": 4, "matmul.py": 1, "scan.py": 1}  # how many bugs of each file a run plants
NEEDED = ("minigpt.py", "matmul.py")  # who hands in neither has not tested less of them
ENOUGH = 0.8  # of the series caught is full marks; below, the share caught is earned


@dataclass(frozen=True)
class Outcomes:
    """What one run of the tests came to."""

    passed: int  # how many
    failed: list[str]  # names


@dataclass(frozen=True)
class Trial:
    """What the tests said on the reference and, if they passed there, on each planted bug."""

    bugs: list[Bug]
    on_reference: Outcomes | CandidateFault
    on_bugs: list[Outcomes | CandidateFault]


def try_tests(candidate: Candidate, draw: Draw) -> Trial | None:
    """Run the candidate's tests on the reference and on planted bugs, in one sandbox, each in a fresh process.

    What runs here can read the reference, and two sandboxes that run at the same time can always tell each other
    something: so the one with the candidate's solution is closed before.
    Between two runs every process is killed and every writable place emptied. The reference has no fixed place in the
    order, every run is laid out alike, and no solution has the text that it is known by: what a run runs on, it can
    only find out by trying it, or by understanding what it reads.
    """
    if not candidate.has_tests:
        return None
    reference = {part: (REFERENCE / part).read_text() for part in SERIES}
    bugs = series(draw, [part for part in SERIES if part in candidate.files or part in NEEDED])
    rng = random.Random(draw.untold(0, 2**60))
    solutions = [reference, *(apply(reference, [bug]) for bug in bugs)]
    order = sorted(range(len(solutions)), key=lambda _: draw.integer(0, 2**30))
    tests_s = candidate.limits.tests_s
    # Neither a part of theirs nor a folder of that name, which no solution could be laid over.
    files = {path: data for path, data in candidate.files.items() if path.split("/", 1)[0] not in SERIES}
    runner = candidate.sibling(files, call_s=tests_s, part_s=tests_s * len(solutions))
    runner.seed = draw.integer(1, 2**31)
    try:
        with ThreadPoolExecutor(1) as ahead:  # it writes the next text while the tests run on this one
            texts = {i: ahead.submit(disguise_all, solutions[i], rng) for i in order}
            ran: dict[int, Outcomes | CandidateFault] = {}
            for i in order:
                ran[i] = run_tests(runner, texts[i].result())
                if i == 0 and (isinstance(ran[0], CandidateFault) or ran[0].failed):
                    break  # which decides
    finally:
        runner.close()
    return Trial(bugs, ran[0], [ran[i] for i in sorted(ran) if i])


def disguise_all(solution: Mapping[str, str], rng: random.Random) -> dict[str, str]:
    return {part: disguise(text, rng) for part, text in solution.items()}


@criterion("verify.tests")
@after_all
def check_tests_pass_on_the_reference_and_catch_planted_bugs(
    candidate: Candidate, draw: Draw, evidence: Evidence
) -> None:
    """The candidate's tests pass on the reference and fail on four in five planted bugs or more."""
    trial = try_tests(candidate, draw)
    if trial is None:
        raise CandidateFault(Verdict.missing, "there is no tests/test_*.py in the submission")
    on_reference = trial.on_reference
    if isinstance(on_reference, CandidateFault):
        raise CandidateFault(on_reference.verdict, f"on the reference: {on_reference.message}", on_reference.evidence)
    if on_reference.failed:
        raise wrong(
            f"a test fails on the reference: {', '.join(on_reference.failed[:5])}", actual=on_reference.failed[:50]
        )
    if not on_reference.passed:
        raise wrong("no test passes on the reference")
    judge_series(trial.bugs, trial.on_bugs, evidence)


def judge_series(bugs: list[Bug], results: list[Outcomes | CandidateFault], evidence: Evidence) -> None:
    """Count the planted bugs that a test caught; on the reference none failed."""
    caught: dict[str, list[str]] = {}
    for bug, outcomes in zip(bugs, results, strict=True):
        if isinstance(outcomes, CandidateFault):
            continue  # a run that did not end says nothing
        caught[bug.id] = outcomes.failed
    killed = [bug.id for bug in bugs if caught.get(bug.id)]
    lived = [bug.id for bug in bugs if bug.id not in killed]
    share = len(killed) / len(bugs)
    lines = [f"{bug.id} ({bug.title}): {', '.join(caught.get(bug.id, [])[:3]) or 'not caught'}" for bug in bugs]
    evidence |= {"fraction": round(share, 4), "detail": "\n".join(lines), "caught": jsonable(caught)}
    if share >= ENOUGH:
        return
    verdict = Verdict.partial if killed else Verdict.wrong_answer
    message = f"the tests catch {len(killed)} of {len(bugs)} planted bugs; not caught: {', '.join(lived)}"
    raise CandidateFault(verdict, message, dict(evidence))


def series(draw: Draw, parts: list[str]) -> list[Bug]:
    """Draw planted bugs of the files that the submission has."""
    bugs: list[Bug] = []
    for part in parts:
        pool = [bug for bug in load_bugs().values() if bug.file == part]
        pool.sort(key=lambda bug: (draw.integer(0, 2**30), bug.id))
        bugs += pool[: SERIES[part]]
    return bugs


def run_tests(runner: Candidate, solution: Mapping[str, str]) -> Outcomes | CandidateFault:
    """Run the candidate's tests on a solution, in a process that shares nothing with another run's."""
    try:
        runner.enter("verify", solution)
        answer, _ = runner.call("run")
        passed, failed = answer.get("passed"), answer.get("failed")
        if not isinstance(passed, int) or not isinstance(failed, list) or not all(isinstance(x, str) for x in failed):
            raise wrong("the report of the tests is not one")
        if answer.get("status") == pytest.ExitCode.INTERRUPTED and not failed:  # a file that fails to load ends it, too
            raise wrong("the tests end pytest before it has run them all, and none has failed")
        return Outcomes(passed, sorted(failed))
    except CandidateFault as fault:
        return fault
