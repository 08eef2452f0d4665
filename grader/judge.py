"""Run pytest over the checks, outside the sandbox, and read the verdicts from its JSON report."""

from __future__ import annotations

import contextlib
import fnmatch
import io
import json
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import pytest
import torch

from grader.candidate import Candidate, CandidateFault, PassedOver
from grader.checks.cases import Draw
from grader.errors import HarnessError, SandboxLost
from grader.models import CheckResult, Evidence, Rubric, Verdict
from grader.project import CHECKS

EVIDENCE_BYTES = 256 << 10  # of one check; all of them together must pass to the parent process as one line
Tell = Callable[[str, Verdict | None], None]  # a criterion's id, and its verdict when all its checks have one


class Judge:
    """A pytest plugin that hands the checks their fixtures and turns their outcomes into verdicts."""

    def __init__(
        self,
        candidate: Candidate,
        rubric: Rubric,
        seed: int,
        only: str | None,
        tell: Tell,
        last: Callable[[], None],
    ) -> None:
        self._candidate = candidate
        self._rubric = rubric
        self._seed = seed
        self._only = only
        self._tell = tell
        self._last = last
        self._order = {c.id: i for i, c in enumerate(rubric.criteria)}
        self._left: dict[str, int] = {}
        self._worst: dict[str, Verdict] = {}
        self._memory: dict[Any, CandidateFault | None] = {}
        self._evidence: Evidence = {}
        self.passed_over: dict[tuple[str, str], list[PassedOver]] = {}  # by criterion and check
        self.report: dict[str, Any] = {}
        self.lost: SandboxLost | None = None

    # --- fixtures -----------------------------------------------------------------------------------------------------

    @pytest.fixture
    def candidate(self, request: pytest.FixtureRequest) -> Candidate:
        """The submission, in a fresh process where the section changed or a fault went before."""
        self._candidate.enter(criterion_of(request.node).split(".")[0])
        self._candidate.seed = Draw(self._seed, f"worker:{request.node.name}").untold(1, 2**31)
        return self._candidate

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Draw:
        """Random inputs that depend on the run's seed and the check's name alone, so one check can be repeated."""
        return Draw(self._seed, request.node.name)

    @pytest.fixture
    def rubric(self) -> Rubric:
        return self._rubric

    @pytest.fixture
    def seed(self) -> int:
        return self._seed

    @pytest.fixture
    def evidence(self) -> Evidence:
        """What a reader should see beside the verdict, accepted or not."""
        return self._evidence

    @pytest.fixture
    def verdict_of(self) -> Callable[[str], Verdict | None]:
        """Tell what was found of a criterion before in this run; None where not all of its checks have run."""
        return lambda name: self._worst.get(name, Verdict.accepted) if self._left.get(name) == 0 else None

    @pytest.fixture
    def once(self) -> Callable[[Any, Callable[[], None]], None]:
        """Run a demand once for several checks; a fault is raised again for each."""

        def run(key: Any, demand: Callable[[], None]) -> None:
            if key not in self._memory:
                self._memory[key] = None
                try:
                    demand()
                except CandidateFault as fault:
                    self._memory[key] = fault
            fault_or_none = self._memory[key]
            if fault_or_none is not None:
                raise fault_or_none

        return run

    # --- hooks --------------------------------------------------------------------------------------------------------

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        wanted = [
            item
            for item in items
            if criterion_of(item) in self._order and (not self._only or fnmatch.fnmatch(criterion_of(item), self._only))
        ]
        wanted.sort(key=lambda item: (is_after_all(item), self._order[criterion_of(item)]))
        items[:] = wanted
        for item in wanted:
            self._left[criterion_of(item)] = self._left.get(criterion_of(item), 0) + 1

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._candidate.has_tests and any(is_after_all(item) for item in session.items):
            with contextlib.suppress(HarnessError):  # said again when it is needed
                self._candidate.start_spare()

    def pytest_json_modifyreport(self, json_report: dict[str, Any]) -> None:
        self.report = json_report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._evidence = {}
        self._candidate.passed_over = []
        self._tell(criterion_of(item), None)
        if is_after_all(item):
            self._candidate.leave()
            self._last()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, SandboxLost):
            self.lost = call.excinfo.value
            item.session.shouldstop = str(self.lost)  # what is left has nothing to run in
        if call.when == "call" or (call.when == "setup" and call.excinfo is not None):
            verdict, message, evidence = self._judge(call.excinfo)
            criterion, check = criterion_of(item), item.name.removeprefix("check_")
            claim = (item.function.__doc__ if isinstance(item, pytest.Function) else None) or ""
            result = {
                "criterion": criterion,
                "id": check,
                "verdict": verdict.value,
                "message": message,
                "evidence": fit({"claim": " ".join(claim.split())} | self._evidence | evidence),
                "duration_s": round(call.duration, 4),
            }
            self.passed_over[criterion, check] = self._candidate.passed_over
            item.user_properties.append(("result", result))
            report.user_properties = list(item.user_properties)
            if verdict is not Verdict.accepted:
                self._worst.setdefault(criterion, verdict)
            self._left[criterion] -= 1
            if self._left[criterion] == 0:
                self._tell(criterion, self._worst.get(criterion, Verdict.accepted))
        return report

    def _judge(self, excinfo: pytest.ExceptionInfo[BaseException] | None) -> tuple[Verdict, str, Evidence]:
        if excinfo is None:
            return Verdict.accepted, "", {}
        error = excinfo.value
        if isinstance(error, CandidateFault):
            return error.verdict, error.message, error.evidence
        if isinstance(error, pytest.skip.Exception):
            return Verdict.not_applicable, str(error), {}
        text = "".join(traceback.format_exception(error))[-4000:]
        return Verdict.harness_error, f"{type(error).__name__}: {error}"[:2000], {"detail": text}


def fit(evidence: Evidence) -> Evidence:
    """Give evidence as it is, or its size where a submission made it too large to be of use."""
    size_bytes = len(json.dumps(evidence))
    if size_bytes <= EVIDENCE_BYTES:
        return evidence
    kept = {key: evidence[key] for key in ("claim", "fraction") if key in evidence}
    return kept | {"detail": f"{size_bytes:,} bytes of evidence were left out; the limit is {EVIDENCE_BYTES:,}"}


def criterion_of(item: Any) -> str:
    mark = item.get_closest_marker("criterion")
    if mark is None:
        raise HarnessError(f"check {item.name} names no criterion")
    return str(mark.args[0])


def is_after_all(item: pytest.Item) -> bool:
    return item.get_closest_marker("after_all") is not None


def run(
    candidate: Candidate,
    rubric: Rubric,
    seed: int,
    only: str | None = None,
    tell: Tell = lambda *_: None,
    last: Callable[[], None] = lambda: None,
) -> dict[str, tuple[CheckResult, ...]]:
    """Judge a submission: check results by criterion id. Raises HarnessError, SandboxLost as soon as it is.

    last is called when its sandbox is closed and only what runs after all else is left.
    """
    torch.set_num_threads(1)
    plugin = Judge(candidate, rubric, seed, only, tell, last)
    arguments = [
        str(CHECKS), "-c", str(CHECKS / "pytest.ini"), "--rootdir", str(CHECKS), "-q", "--disable-plugin-autoload",
        "-p", "pytest_metadata.plugin", "-p", "pytest_jsonreport.plugin", "--json-report", "--json-report-file=none",
        "-s", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:logging",
        "-p", "no:unraisableexception", "-p", "no:threadexception",
        "--tb=native",  # others parse sources at each failure
    ]  # fmt: skip
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main(arguments, plugins=[plugin])
    if plugin.lost:
        raise plugin.lost
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        faults = [str(c.get("longrepr", "")) for c in plugin.report.get("collectors", []) if c["outcome"] == "failed"]
        if status == pytest.ExitCode.INTERRUPTED and not faults:
            raise KeyboardInterrupt  # which pytest took for itself
        raise HarnessError(f"the judge's pytest ended with {status!r}: {(said.getvalue() + ''.join(faults))[-2000:]}")
    results: dict[str, list[CheckResult]] = {}
    for test in plugin.report.get("tests", []):
        found = dict(entry for properties in test.get("user_properties", []) for entry in properties.items())
        if "result" not in found:
            raise HarnessError(f"check {test['nodeid']} has no verdict")
        result = dict(found["result"])
        results.setdefault(result.pop("criterion"), []).append(CheckResult.model_validate(result))
    return {criterion: tuple(checks) for criterion, checks in settled(results, plugin.passed_over).items()}


def settled(
    results: Mapping[str, Sequence[CheckResult]], passed_over: Mapping[tuple[str, str], Sequence[PassedOver]]
) -> dict[str, list[CheckResult]]:
    """Count what a check left to other criteria, where these found nothing wrong: else who fails only when a check
    asks what it rests on would be asked nothing."""
    held = {
        criterion
        for criterion, checks in results.items()
        if all(check.verdict.is_fine for check in checks) and any(c.verdict is Verdict.accepted for c in checks)
    }

    def counted(criterion: str, check: CheckResult) -> CheckResult:
        left = (one for one in passed_over.get((criterion, check.id), ()) if held.issuperset(one.criteria))
        first = next(left, None)
        if first is None or not check.verdict.is_fine:
            return check
        hold = "hold" if len(first.criteria) > 1 else "holds"
        said = f"{first.fault.message}; {', '.join(first.criteria)} {hold} elsewhere, so it counts here"
        evidence = fit(check.evidence | first.fault.evidence)
        return check.model_copy(update={"verdict": first.fault.verdict, "message": said, "evidence": evidence})

    return {criterion: [counted(criterion, check) for check in checks] for criterion, checks in results.items()}
