"""What a candidate changed: every line is there, and a planted line is called changed exactly when it was."""

from __future__ import annotations

import pytest

from grader.kit import change, cuts
from grader.kit.bugs import Bug, load_bugs
from grader.kit.edits import replace as edited
from grader.kit.edits import reversed_edits
from grader.kit.keys import Key
from grader.models import FileChange
from grader.project import REFERENCE

PLANTABLE = [bug for bug in load_bugs().values() if bug.plantable]
PERFECT = (REFERENCE / "minigpt.py").read_bytes()


def key(*bugs: Bug) -> Key:
    classes = tuple(bug.class_ or "" for bug in bugs)
    ids = tuple(bug.id for bug in bugs)
    return Key(kit="k-1", made_at="", seed=1, positions="learned", bugs=ids, classes=classes)


def compared(source: bytes, *bugs: Bug) -> FileChange:
    [found] = change.changes({"minigpt.py": source}, key(*bugs) if bugs else None)
    return found


def side(found: FileChange, sign: str) -> str:
    return "".join(line[1:] + "\n" for line in found.lines if line[0] in (" ", sign))


@pytest.mark.parametrize("bug", PLANTABLE, ids=lambda bug: bug.id)
def test_a_planted_bug_is_still_there_until_its_lines_change(bug: Bug) -> None:
    """A starter as it was given has changed nothing; the reference has changed every planted line."""
    given = cuts.plant([bug])
    untouched, repaired = compared(given.encode(), bug), compared(PERFECT, bug)
    assert all(line[0] == " " for line in untouched.lines)
    assert [found.changed for found in untouched.planted] == [False]
    assert [found.changed for found in repaired.planted] == [True]
    assert repaired.planted[0].lines and untouched.planted[0].lines


def test_both_files_can_be_read_from_the_change() -> None:
    """Nothing is lost: the lines without + are what was given, those without - what was handed in."""
    bugs = [load_bugs()[name] for name in ("scale-none", "loss-unshifted")]
    found = compared(PERFECT, *bugs)
    assert side(found, "-") == cuts.plant(bugs) and side(found, "+") == PERFECT.decode()


def test_one_bug_repaired_leaves_the_other_standing() -> None:
    """Each planted bug is told by its own lines."""
    one, other = load_bugs()["scale-none"], load_bugs()["loss-unshifted"]
    half = edited(cuts.plant([one, other]), reversed_edits({"one": one.kit_edit}))
    found = compared(half.encode(), one, other)
    assert [(bug.bug_class, bug.changed) for bug in found.planted] == [("scaling", True), ("loss-shift", False)]
    for bug, sign in zip(found.planted, "- ", strict=True):
        assert {found.lines[i][0] for i in bug.lines} == {sign}


def test_without_a_kit_the_change_is_against_a_starter_without_bugs() -> None:
    """A hand-made submission is compared too, and nothing is called planted."""
    found = change.changes({"minigpt.py": PERFECT, "matmul.py": b"", "other.py": b"x"}, None)
    assert [each.path for each in found] == ["minigpt.py", "matmul.py"]
    assert not found[0].planted and side(found[0], "-") == cuts.starter()
    assert {line[0] for line in found[1].lines} == {"-"}


def test_a_key_of_another_version_plants_nothing() -> None:
    """A bug that this version does not know any more is not guessed at."""
    old = key(load_bugs()["scale-none"]).model_copy(update={"bugs": ("scale-none", "long-gone")})
    [found] = change.changes({"minigpt.py": PERFECT}, old)
    assert not found.planted and "another version" in found.base


@pytest.mark.parametrize(
    "source",
    [b"\xff\xfe\x00", b"\n" * 1999, b"x\r\ny\x0cz\xe2\x80\xa8w", b"x" * 10**6],
    ids=["no UTF-8", "empty lines", "odd line ends", "one long line"],
)
def test_any_bytes_are_compared(source: bytes) -> None:
    """What no editor would write is shown as far as it can be, in bounded lines."""
    found = compared(source)
    assert all(len(line) <= change.LINE_CHARS + 60 and "\n" not in line for line in found.lines)


def test_a_file_of_too_many_lines_is_named_and_not_shown() -> None:
    """Comparing takes time with length: beyond the limit a reader is told so."""
    found = compared(b"x\n" * (change.MOST_LINES + 1))
    assert not found.lines and "2,001 lines" in found.left_out


def test_notes_are_bounded_text() -> None:
    """Notes of megabytes leave a scorecard small, and say that they were cut."""
    assert change.notes({}) == ""
    assert change.notes({"NOTES.md": "\ufeffé".encode()}) == "é"
    long = change.notes({"NOTES.md": b"a" * 10**6})
    assert len(long) < change.NOTES_CHARS + 50 and long.endswith("(cut here)\n")
