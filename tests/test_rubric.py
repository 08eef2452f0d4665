"""Rubrics: ours says what the contract says, and a broken one is named to the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import rubric
from grader.errors import UsageError
from grader.models import Limits, Tolerances
from grader.project import DEFAULT_RUBRIC

SOURCE = DEFAULT_RUBRIC.read_text()

# The contract's table.
POINTS = {
    "gpt.load": 3, "gpt.causality": 6, "gpt.logits": 10, "gpt.loss": 6, "gpt.mode": 4, "gpt.greedy": 10,
    "gpt.window": 2, "cache.prefill": 3, "cache.decode": 7, "cache.chunks": 4, "cache.generate": 5, "cache.layout": 3,
    "cache.batch": 2, "cache.bounds": 1, "cache.cost": 7, "matmul.forward": 3, "matmul.backward": 6,
    "matmul.gradcheck": 4, "matmul.batched": 3, "matmul.broadcast": 6, "matmul.layouts": 2, "matmul.contract": 1,
    "matmul.timing": 2, "diagnosis.bugs": 4,
}  # fmt: skip
BONUS = {"matmul.double": 2, "scan.values": 2, "scan.steps": 2, "scan.tiled": 1, "verify.tests": 3}


def test_points_are_the_contracts() -> None:
    """Each criterion has the points that candidates were told; 100 without bonus and diagnosis."""
    ours = rubric.load(DEFAULT_RUBRIC)
    assert {c.id: c.points for c in ours.criteria if not c.bonus} == POINTS
    assert {c.id: c.points for c in ours.criteria if c.bonus} == BONUS
    assert sum(POINTS.values()) - POINTS["diagnosis.bugs"] == ours.max_score == 100
    assert (ours.weights.automatic, ours.weights.review) == (70, 30)


def test_limits_are_those_told_to_candidates() -> None:
    """The file says out loud what the defaults are."""
    ours = rubric.load(DEFAULT_RUBRIC)
    assert ours.limits == Limits()
    assert ours.tolerances == Tolerances()


def test_every_criterion_has_something_to_ask() -> None:
    """An interviewer finds a reason, a question and a strong answer for each line, and an anchor for each mark."""
    ours = rubric.load(DEFAULT_RUBRIC)
    assert all(c.rationale and c.question and c.strong_answer for c in ours.criteria)
    assert [r.id for r in ours.reviews] == [
        f"review.{name}"
        for name in ("debugging", "shapes", "cost", "derivation", "scan", "communication", "verification")
    ]
    assert all(len(set(r.anchors)) == 5 for r in ours.reviews)


def test_digest_is_of_the_content_not_the_layout(tmp_path: Path) -> None:
    """A comment leaves the digest alone; a point more does not."""
    path = tmp_path / "rubric.toml"
    path.write_text("# a comment\n" + SOURCE)
    assert rubric.digest(rubric.load(path)) == rubric.digest(rubric.load(DEFAULT_RUBRIC))
    path.write_text(SOURCE.replace("points = 10", "points = 11", 1))
    assert rubric.digest(rubric.load(path)) != rubric.digest(rubric.load(DEFAULT_RUBRIC))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("points = 3\n", 'points = "x"\n', "criteria[0] (gpt.load).points is 'x'; it must be a number"),
        ("points = 3\n", "points = -1\n", "criteria[0] (gpt.load).points is -1; it must be above 0"),
        ("points = 3\n", "points = inf\n", "criteria[0].points is inf; it must be a finite number"),
        ("points = 3\n", "pionts = 3\n", "criteria[0] (gpt.load).pionts: no such key; did you mean 'points'?"),
        ("points = 3\n", "pionts = 3\n", "); criteria[0] (gpt.load).points is missing"),
        ("files = 500", "fils = 500", "limits.fils: no such key; did you mean 'files'? (allowed: files, levels,"),
        ("files = 500", "files = 0", "limits.files is 0; it must be at least 1"),
        ("rubric/1", "rubric/2", "schema is 'rubric/2'; allowed: 'rubric/1'"),
        ('"gpt.load"', '"GPT"', "criteria[0] (GPT).id is 'GPT'; it must match"),
        ('"gpt.load"', '"gpt.loss"', "id 'gpt.loss' stands twice"),
        ('"gpt.load"', '"gpt.laod"', "criteria[0].id is 'gpt.laod', which no check judges; did you mean 'gpt.load'?"),
        ("scale = 4", "scale = 3", "5 anchors; marks 0 to 3 need 4"),
        ("[limits]", "[limits", "is not TOML: Expected ']' at the end of a table declaration (at line"),
        ("bonus = true", 'bonus = "maybe"', "(matmul.double).bonus is 'maybe'; it must be true or false"),
        ('name = "minigpt-matmul"', "", "name is missing"),
    ],
)
def test_a_broken_rubric_is_named_to_the_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Whoever edits a rubric reads which key of which file is wrong, what stands there and what may."""
    assert old in SOURCE
    path = tmp_path / "mine.toml"
    path.write_text(SOURCE.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        rubric.load(path)
    assert str(path) in str(caught.value) and said in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_text_file_is_a_usage_error(tmp_path: Path) -> None:
    """A missing file, a folder, a device and binary data are each said in one line."""
    (tmp_path / "binary.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    for path, said in {
        tmp_path / "none.toml": "No such file",
        tmp_path: "Is a directory",
        tmp_path / "binary.toml": "line 2: not UTF-8",
        Path("/dev/zero"): "larger than",
        Path("a\0b"): "cannot be read",
    }.items():
        with pytest.raises(UsageError, match=said):
            rubric.load(path)
