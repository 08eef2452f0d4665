"""What a candidate changed: each file against the starter, line by line, with the planted lines pointed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from grader.errors import HarnessError
from grader.kit import cuts
from grader.kit.bugs import Bug, load_bugs
from grader.kit.edits import replace, reversed_edits
from grader.kit.keys import Key
from grader.models import FileChange, PlantedBug

TEMPLATES = Path(__file__).with_name("templates")
FILES = ("minigpt.py", "matmul.py", "scan.py")
MOST_LINES = 2000
LINE_CHARS = 300
NOTES_CHARS = 32_000


def changes(files: Mapping[str, bytes], key: Key | None) -> tuple[FileChange, ...]:
    """Compare the parts that were handed in with the starter of key's kit, or with one that has no planted bugs."""
    bugs = _bugs(key)
    found = []
    for path in FILES:
        if path in files:
            base = _base(path, bugs)
            found.append(_compare(path, _words(path, key, bugs), base, _lines(files[path]), _planted(path, bugs, base)))
    return tuple(found)


def notes(files: Mapping[str, bytes]) -> str:
    """Give NOTES.md as text, its end cut off where it is very long."""
    text = files.get("NOTES.md", b"")[: 4 * NOTES_CHARS].decode("utf-8-sig", "replace")
    return text if len(text) <= NOTES_CHARS else text[:NOTES_CHARS] + "\n\n(cut here)\n"


def _bugs(key: Key | None) -> tuple[Bug, ...]:
    """Give the bugs of a key; none where this version does not plant all of them any more."""
    known = load_bugs()
    found = tuple(known[name] for name in key.bugs if name in known) if key else ()
    if key is None or len(found) < len(key.bugs):
        return ()
    try:
        cuts.plant(found)
    except HarnessError:
        return ()
    return found


def _words(path: str, key: Key | None, bugs: Sequence[Bug]) -> str:
    if path != "minigpt.py":
        return "the kit's blank file"
    if key is None:
        return "a starter without planted bugs"
    return (
        f"the starter of kit {key.kit}"
        if bugs
        else f"a starter without planted bugs: kit {key.kit} is of another version"
    )


def _base(path: str, bugs: Sequence[Bug]) -> list[str]:
    if path == "minigpt.py":
        return _split(cuts.plant(bugs))
    return _split((TEMPLATES / f"{path}.template").read_text(encoding="utf-8"))


def _lines(data: bytes) -> list[str]:
    return _split(data.decode("utf-8-sig", "replace"))


def _split(text: str) -> list[str]:
    # Not splitlines(): it also breaks at characters that Python source may hold within a line.
    lines = [line.rstrip("\r\n") for line in text.split("\n")]
    return lines[:-1] if lines and not lines[-1] else lines


def _planted(path: str, bugs: Sequence[Bug], base: list[str]) -> list[tuple[Bug, set[int], set[int]]]:
    """Give for each bug the planted lines, and the gaps (before line i) where it took lines away."""
    if path != "minigpt.py":
        return []
    found = []
    for bug in bugs:
        without = _split(replace("\n".join(base) + "\n", reversed_edits({bug.id: bug.kit_edit})))
        lines: set[int] = set()
        gaps: set[int] = set()
        for tag, _, _, start, stop in SequenceMatcher(None, without, base, autojunk=False).get_opcodes():
            if tag != "equal":
                lines.update(range(start, stop))
                gaps.update({start} if start == stop else ())
        found.append((bug, lines, gaps))
    return found


def _compare(
    path: str, words: str, base: list[str], mine: list[str], planted: list[tuple[Bug, set[int], set[int]]]
) -> FileChange:
    if len(mine) > MOST_LINES:
        why = f"{path} has {len(mine):,} lines; {MOST_LINES:,} are compared at most"
        return FileChange(path=path, base=words, left_out=why)
    lines: list[str] = []
    place: dict[int, int] = {}  # of each line of the base among `lines`
    touched: set[int] = set()  # lines of the base that are gone
    filled: set[int] = set()  # gaps of the base where something was put
    # The base is short, so this takes well under a second whatever was handed in.
    for tag, start, stop, mine_start, mine_stop in SequenceMatcher(None, base, mine).get_opcodes():
        if tag != "equal":
            touched.update(range(start, stop))
            filled.update(range(start, stop + 1) if mine_start < mine_stop else ())
        for i in range(start, stop):
            place[i] = len(lines)
            lines.append((" " if tag == "equal" else "-") + _short(base[i]))
        if tag != "equal":
            lines += ["+" + _short(line) for line in mine[mine_start:mine_stop]]
    return FileChange(
        path=path,
        base=words,
        lines=tuple(lines),
        planted=tuple(
            PlantedBug(
                bug_class=bug.class_ or "",
                title=bug.title,
                lines=tuple(sorted(place[min(i, len(base) - 1)] for i in its_lines or gaps)),
                changed=bool(its_lines & touched or gaps & filled),
            )
            for bug, its_lines, gaps in planted
        ),
    )


def _short(line: str) -> str:
    return line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]} … ({len(line) - LINE_CHARS:,} more characters)"
