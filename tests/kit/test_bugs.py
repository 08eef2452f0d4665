"""Planted bugs cannot rot: each still applies, lies where it says, and stands in a file that still means something."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from repair import restore

from grader import rubric
from grader.errors import HarnessError
from grader.kit import cuts
from grader.kit.bugs import Bug, apply, load_bugs
from grader.kit.edits import Edit, lines_of, replace
from grader.models import BUG_CLASSES
from grader.project import DEFAULT_RUBRIC, REFERENCE

BUGS = load_bugs()
PLANTABLE = [bug for bug in BUGS.values() if bug.plantable]
FILES = {name: (REFERENCE / name).read_text() for name in ("minigpt.py", "matmul.py", "scan.py")}


def by_id(bug: Bug) -> str:
    return bug.id


def test_there_are_enough_of_every_class() -> None:
    """A kit can be made of any class, with either scheme, and common classes have enough that kits differ."""
    assert len(PLANTABLE) >= 44
    for positions in ("learned", "rope"):
        counts = Counter(bug.class_ for bug in PLANTABLE if bug.shows_with(positions))
        assert counts.keys() == set(BUG_CLASSES)
        assert all(count >= 4 for name, count in counts.items() if name != "window"), counts
        assert counts["window"] >= 2


def test_there_are_bugs_of_every_part_for_a_blind_series() -> None:
    """A candidate's tests are tried on bugs of all three files, and of the cache."""
    counts = Counter("cache" if bug.cached else bug.part for bug in BUGS.values())
    assert all(counts[name] >= 6 for name in ("minigpt", "cache", "matmul", "scan")), counts


def test_what_breaks_is_in_the_rubric() -> None:
    """The criteria that a bug names exist, and belong to its file."""
    known = {criterion.id for criterion in rubric.load(DEFAULT_RUBRIC).criteria}
    sections = {"minigpt": {"gpt", "cache"}, "matmul": {"matmul"}, "scan": {"scan"}}
    for bug in BUGS.values():
        assert set(bug.breaks) <= known, bug.id
        assert {name.split(".")[0] for name in bug.breaks} <= sections[bug.part], bug.id


@pytest.mark.parametrize("bug", BUGS.values(), ids=by_id)
def test_bug_applies_and_lies_where_it_says(bug: Bug) -> None:
    """A bug changes its own file only, inside the function that it names, into something that Python can read."""
    changed = apply(FILES, [bug])
    assert {name for name in FILES if changed[name] != FILES[name]} == {bug.file}
    compile(changed[bug.file], bug.id, "exec")
    source = FILES[bug.file]
    assert set(lines_of(source, bug.edit, bug.id)) <= set(span(source, bug.place))


def span(source: str, place: str) -> range:
    """Give the lines of the function at place, such as Attention.forward."""
    body: list[ast.stmt] = ast.parse(source).body
    node: ast.AST | None = None
    for name in place.split("."):
        node = next(x for x in body if isinstance(x, ast.ClassDef | ast.FunctionDef) and x.name == name)
        body = node.body
    assert node is not None
    return range(node.lineno, node.end_lineno + 1)


@pytest.mark.parametrize("bug", PLANTABLE, ids=by_id)
def test_bug_applies_to_the_starter_and_comes_out_again(bug: Bug) -> None:
    """What distinguishes a kit's model from the reference is the bug and the missing cache, to the letter."""
    planted = cuts.plant([bug])
    compile(planted, bug.id, "exec")
    assert planted != cuts.starter()
    assert restore(planted, [bug]) == FILES["minigpt.py"]


@pytest.mark.parametrize("bug", [bug for bug in BUGS.values() if bug.cached], ids=by_id)
def test_bugs_of_the_cache_are_not_planted(bug: Bug) -> None:
    """Lines that the candidate writes cannot hold a bug of ours."""
    assert not bug.plantable
    with pytest.raises(HarnessError, match=bug.id):
        cuts.plant([bug])


def test_a_bug_that_no_longer_applies_is_named() -> None:
    """Whoever changes the reference learns which bug to look after, and in which file."""
    bug = BUGS["loss-sign"].model_copy(update={"old": "no such text"})
    with pytest.raises(HarnessError, match=r"bug loss-sign in minigpt\.py.*occurs 0 times"):
        apply(FILES, [bug])


def test_a_text_that_occurs_twice_is_refused() -> None:
    """An edit never lands in the wrong one of two places."""
    with pytest.raises(HarnessError, match=r"some edit.*occurs 2 times"):
        replace("a b a", {"some edit": Edit(old="a", new="c")})


def test_overlapping_bugs_are_named() -> None:
    """Two bugs in one text cannot be told apart, so both are named and neither is planted."""
    with pytest.raises(HarnessError, match=r"loss-unshifted.*loss-backwards|loss-backwards.*loss-unshifted"):
        apply(FILES, [BUGS["loss-unshifted"], BUGS["loss-backwards"]])


def test_order_of_bugs_does_not_matter() -> None:
    """Every bug is found in the text as it was before any other went in."""
    chosen = [BUGS[name] for name in ("mask-upper", "loss-sign", "norm-reused", "decoding-argmin")]
    assert apply(FILES, chosen) == apply(FILES, chosen[::-1])


def test_classes_belong_to_minigpt() -> None:
    """Only what a kit can hold is diagnosed, so a class elsewhere is a slip."""
    fields = BUGS["scan-sequential"].model_dump() | {"class_": "mask"}
    with pytest.raises(ValueError, match=r"scan\.py have none"):
        Bug.model_validate(fields)
    with pytest.raises(ValueError, match="must be one of"):
        Bug.model_validate(BUGS["loss-sign"].model_dump() | {"class_": "loss"})
