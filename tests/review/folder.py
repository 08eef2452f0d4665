"""A reports folder with a few graded submissions, and a rubric of three reviewed items."""

from __future__ import annotations

from pathlib import Path

from grader import rubric as rubrics
from grader import score
from grader.models import CheckResult, Job, Rubric, RunInfo, Scorecard, SubmissionInfo, Verdict
from grader.review.book import Book
from grader.review.publish import marking
from grader.store import Store

RUBRIC = """
schema = "rubric/1"
name = "small"
title = "Small"
[[criteria]]
id = "gpt.load"
title = "Loads."
points = 80
[[criteria]]
id = "gpt.loss"
title = "Has a loss."
points = 20
[[reviews]]
id = "review.debugging"
title = "Debugging"
anchors = ["none", "guesses", "prints", "narrows down", "bisects"]
[[reviews]]
id = "review.shapes"
title = "Shapes"
anchors = ["no shape", "some", "most", "all", "all, and why"]
[[reviews]]
id = "review.scan"
title = "Scan"
scale = 2
anchors = ["no", "half", "yes"]
"""
ITEMS = ("review.debugging", "review.shapes", "review.scan")
FILES = "sha256:" + "a1" * 32  # the digest of a submission's files
OTHER_FILES = "sha256:" + "b2" * 32


def rubric_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RUBRIC)
    return path


def rubric(tmp_path: Path) -> Rubric:
    return rubrics.load(rubric_file(tmp_path))


def graded(rubric: Rubric, name: str = "alice", digest: str = FILES, message: str = "", second: int = 0) -> Scorecard:
    """Give a scorecard with 80 of 100 points, as a run gives it."""
    results = {
        "gpt.load": (CheckResult(id="loads", verdict=Verdict.accepted),),
        "gpt.loss": (CheckResult(id="loss", verdict=Verdict.wrong_answer, message=message),),
    }
    return score.build(rubric, SubmissionInfo(name=name, digest=digest), run(rubric, second), results)


def rejected(rubric: Rubric, name: str) -> Scorecard:
    job = Job(path="x", name=name, rubric=rubric, rubric_digest="", sandbox="docker", seed=1)
    return score.rejected(job, run(rubric), "a broken archive")


def run(rubric: Rubric, second: int = 0) -> RunInfo:
    at = f"2026-01-01T00:00:{second:02}+00:00"
    return RunInfo(seed=1, sandbox="docker", started_at=at, duration_s=1, rubric_digest=rubrics.digest(rubric))


def store(folder: Path, rubric: Rubric) -> Store:
    """Give the store as `grade` and the desk use it."""
    return Store(folder, marking(Book(folder), rubric))


def fill(book: Book, rubric: Rubric, who: str, *given: int, name: str = "alice", digest: str = FILES) -> None:
    """Write a whole sheet and hand it in."""
    for item, mark in zip(rubric.reviews, given, strict=True):
        book.save((name, digest), who, item, mark, f"{who} on {item.id}")
    book.hand_in((name, digest), who, rubric.reviews)
