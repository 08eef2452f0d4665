"""The words of the grader as frozen data: rubric, check results, scorecard."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

CriterionId = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$")]
KIT_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
DIAGNOSIS = "diagnosis.bugs"  # the criterion that is judged against a kit's key, not by asking the submission
BUG_CLASSES = (
    "mask", "softmax-axis", "scaling", "heads", "qkv", "positions",
    "residual-norm", "loss-shift", "train-eval", "decoding", "window",
)  # fmt: skip


class Frozen(BaseModel):
    """Data that nobody changes after it was made; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Verdict(StrEnum):
    """The outcome word of a check or criterion."""

    accepted = "accepted"
    partial = "partial"
    wrong_answer = "wrong_answer"
    runtime_error = "runtime_error"
    time_limit = "time_limit"
    memory_limit = "memory_limit"
    output_limit = "output_limit"
    protocol_error = "protocol_error"
    missing = "missing"
    not_applicable = "not_applicable"
    inconclusive = "inconclusive"
    harness_error = "harness_error"

    @property
    def is_fine(self) -> bool:
        """Whether it holds, or does not count."""
        return self in (Verdict.accepted, Verdict.not_applicable)


class Outcome(StrEnum):
    """The outcome word of a whole submission."""

    graded = "graded"
    rejected = "rejected"
    harness_error = "harness_error"


# --- rubric ---------------------------------------------------------------------------------------------------------


class Limits(Frozen):
    """What a submission may use. Units are in the names; the defaults are those told to candidates."""

    files: int = Field(500, ge=1)
    levels: int = Field(16, ge=1)
    source_file_mib: float = Field(1, gt=0)  # one file that ends in .py, .toml or .md
    submission_mib: float = Field(16, gt=0)
    memory_mib: int = Field(2048, ge=256)
    processes: int = Field(64, ge=8)
    tmp_mib: int = Field(64, ge=1)
    call_s: float = Field(10, gt=0)
    part_s: float = Field(120, gt=0)  # all calls into one of minigpt.py, matmul.py, scan.py
    tests_s: float = Field(60, gt=0)  # one run of the candidate's own tests
    reply_mib: float = Field(64, gt=0)
    output_kib: int = Field(256, ge=0)  # the submission's own output that is kept; the rest is dropped
    start_s: float = Field(60, gt=0)  # the sandbox itself, before the submission is in it: else a harness error


class Tolerances(Frozen):
    """How far apart two right answers may be (absolute, at values of ordinary size)."""

    logits_float32: float = Field(5e-4, gt=0)
    logits_float64: float = Field(1e-4, gt=0)
    loss_float32: float = Field(1e-4, gt=0)
    gradient_float32: float = Field(2e-3, gt=0)  # of the largest entry of a parameter's gradient
    matmul_float64: float = Field(1e-10, gt=0)
    matmul_float32: float = Field(1e-4, gt=0)
    decode_cost_ratio: float = Field(0.2, gt=0)  # a cached step over a recompute of its prefix
    matmul_time_ratio: float = Field(3.0, gt=0)  # the submission's time over torch's own


class Criterion(Frozen):
    """One line of the rubric."""

    id: CriterionId
    title: str = Field(min_length=1)
    points: float = Field(gt=0)
    bonus: bool = False
    rationale: str = ""  # why it matters, shown to interviewers
    question: str = ""  # what to ask when it failed
    strong_answer: str = ""

    @property
    def section(self) -> str:
        return self.id.split(".")[0]


class ReviewItem(Frozen):
    """An item that a person marks, with the anchor of each mark from 0 to `scale`."""

    id: CriterionId
    title: str = Field(min_length=1)
    scale: int = Field(4, ge=1)
    anchors: tuple[str, ...]

    @model_validator(mode="after")
    def _one_anchor_a_mark(self) -> ReviewItem:
        if len(self.anchors) != self.scale + 1:
            raise ValueError(f"{self.id}: {len(self.anchors)} anchors; marks 0 to {self.scale} need {self.scale + 1}")
        return self


class Measured(Frozen):
    """A number among a criterion's evidence, and where it must lie."""

    criterion: CriterionId
    key: str = Field(min_length=1)
    above: float | None = None
    below: float | None = None


class Question(Frozen):
    """What to ask when all conditions hold that are given; without any, a follow-up for everybody."""

    question: str = Field(min_length=1)
    why: str = Field(min_length=1)  # it is asked, shown beside it
    strong_answer: str = ""
    lost: tuple[str, ...] = ()  # globs: each matches a criterion that lost points
    held: tuple[str, ...] = ()  # globs: every criterion that was judged and matches one is accepted, and each matches
    measured: tuple[Measured, ...] = ()
    without: str | None = None  # a file that was not handed in

    @property
    def is_follow_up(self) -> bool:
        return not (self.lost or self.held or self.measured or self.without)


class Weights(Frozen):
    """How the final mark combines the automatic score and the review."""

    automatic: float = Field(70, ge=0)
    review: float = Field(30, ge=0)


class Rubric(Frozen):
    """What is graded and for how much, read from TOML."""

    schema_: Literal["rubric/1"] = Field(alias="schema")
    name: str
    title: str
    max_score: float = Field(100, gt=0)
    weights: Weights = Weights()
    limits: Limits = Limits()
    tolerances: Tolerances = Tolerances()
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    reviews: tuple[ReviewItem, ...] = ()
    questions: tuple[Question, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Rubric:
        seen: set[str] = set()
        for name in [line.id for line in self.criteria] + [item.id for item in self.reviews]:
            if name in seen:
                raise ValueError(f"id {name!r} stands twice")
            seen.add(name)
        return self


# --- scorecard ------------------------------------------------------------------------------------------------------

Evidence = dict[str, JsonValue]  # docs/architecture.md lists the keys that the report knows how to draw


class CheckResult(Frozen):
    """The verdict on one claim."""

    id: str
    verdict: Verdict
    message: str = ""
    evidence: Evidence = {}
    duration_s: float = 0.0


class CriterionResult(Frozen):
    """The verdict on one line of the rubric; accepted when every check of it is."""

    id: CriterionId
    section: str
    title: str
    points: float
    earned: float
    bonus: bool
    verdict: Verdict
    checks: tuple[CheckResult, ...] = ()


class ReviewMark(Frozen):
    """A person's mark for one reviewed item; null until given."""

    id: CriterionId
    title: str
    scale: int
    mark: float | None = None
    comment: str = ""
    by: tuple[str, ...] = ()  # who gave it, or who settled it
    at: str | None = None  # ISO 8601, UTC


class SubmissionInfo(Frozen):
    """Which submission this is."""

    name: str
    digest: str  # sha256:... of names and bytes
    kit: str | None = None
    files: tuple[str, ...] = ()
    refused: dict[str, str] = {}  # path -> why it did not come in
    blind: bool = False  # the name is a code name, and what names its candidate was taken out


class Rescore(Frozen):
    """A change of rubric after grading: nothing was run again."""

    from_digest: str  # of the rubric before
    at: str  # ISO 8601, UTC
    doubts: tuple[str, ...] = ()  # verdicts that were kept because the evidence does not settle them


class PlantedBug(Frozen):
    """A bug that stood in what the candidate was given, and whether the candidate changed its lines."""

    bug_class: str
    title: str
    lines: tuple[int, ...]  # indices into the change's lines
    changed: bool


class FileChange(Frozen):
    """One file of a submission against what its candidate was given."""

    path: str
    base: str  # what it is compared with, in words
    lines: tuple[str, ...] = ()  # the first character of each: " " in both, "-" given, "+" handed in
    planted: tuple[PlantedBug, ...] = ()
    left_out: str = ""  # why lines are missing here


class RunInfo(Frozen):
    """How the scorecard came about."""

    seed: int
    sandbox: str
    started_at: str  # ISO 8601, UTC
    duration_s: float
    spans: dict[str, float] = {}  # seconds of its phases, in order; criteria have their checks' own
    rubric_digest: str
    versions: dict[str, str] = {}
    machine: str = ""
    image: str | None = None  # its name and the digest of its content
    runtime: str | None = None  # of the container: runc, runsc, ...
    only: str | None = None
    best_effort: tuple[str, ...] = ()  # limits that this sandbox could not enforce strictly
    weak: tuple[str, ...] = ()  # required promises that this sandbox did not keep, by the operator's leave
    retried: str | None = None  # how the sandbox of a first attempt was lost
    limits: Limits | None = None  # that it ran under
    tolerances: Tolerances | None = None  # that it was judged by when it was graded
    rescored: tuple[Rescore, ...] = ()  # the last one gave this scorecard's verdicts and points


class Scorecard(Frozen):
    """The whole result of one submission (scorecard/1)."""

    schema_: Literal["scorecard/1"] = Field("scorecard/1", alias="schema")
    submission: SubmissionInfo
    outcome: Outcome
    reason: str = ""  # why it was rejected, or what the harness's fault was
    score: float | None
    max_score: float
    bonus: float = 0.0
    pending: float = 0.0
    final: float | None = None
    criteria: tuple[CriterionResult, ...] = ()
    reviews: tuple[ReviewMark, ...] = ()
    output: str = ""  # what the submission printed, bounded
    changes: tuple[FileChange, ...] = ()
    notes: str = ""  # NOTES.md, bounded
    run: RunInfo

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self, indent: int | None = 2) -> str:
        return self.model_dump_json(by_alias=True, indent=indent)


# --- what the outputs need beside scorecards --------------------------------------------------------------------------


class Event(Frozen):
    """What a running grade tells its caller."""

    submission: str
    kind: Literal["phase", "criterion", "last"]  # last: only what comes after all else is left, in its own sandbox
    text: str  # the phase, or the criterion's id
    verdict: Verdict | None = None


def jsonable(value: Any) -> JsonValue:
    """Give value as plain JSON data: tensors to lists, non-finite numbers to strings."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return str(value)


class Job(Frozen):
    """One submission to grade, complete: what a child process or another machine needs."""

    path: str
    name: str
    rubric: Rubric
    rubric_digest: str
    sandbox: Literal["docker", "bubblewrap"]
    seed: int
    kit: str | None = None
    only: str | None = None
    allow_weak_sandbox: bool = False
