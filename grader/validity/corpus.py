"""Corpus entries: submissions whose right verdicts are known, as folders or as patches on the reference."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatch
from itertools import zip_longest
from pathlib import Path

from pydantic import Field, ValidationError

from grader.errors import UsageError
from grader.models import Frozen, Verdict
from grader.project import REFERENCE

# Each part is imported in a process of its own, so a change of one part can change only the criteria of that part,
# which are those whose names start with one of these letters.
SECTIONS = {"minigpt.py": "gc", "matmul.py": "m", "scan.py": "s"}
PARTS = tuple(SECTIONS)
LEFT = ("entry.toml", "__pycache__")  # of an entry's folder, not part of the submission


def scope(*parts: str) -> str:
    """Give the glob of the criteria that a change of these parts can change."""
    return f"[{''.join(SECTIONS[part] for part in parts)}]*.*"


class Replace(Frozen):
    """An exact change: `old` stands in the file once."""

    file: str
    old: str
    new: str


class Entry(Frozen):
    """One submission of the corpus and its right verdicts."""

    name: str
    group: str  # accepted, wrong_answer, ...
    folder: Path | None
    why: str = Field(min_length=1)
    fails: tuple[str, ...] = ()  # criteria that must not be accepted; all others must be
    may_fail: tuple[str, ...] = ()  # criteria where either is honest
    verdicts: dict[str, Verdict] = {}
    without: tuple[str, ...] = ()
    whole: bool = False  # grade all of it: what it does to one part must not cost another
    core: bool = False  # the one that a check is kept for: in every quick look
    replace: tuple[Replace, ...] = ()

    @property
    def part(self) -> str | None:
        """Give the one part that this entry changes, or None where its verdicts may hang on more than that."""
        files = {change.file for change in self.replace}
        files |= {path.name for path in self.folder.iterdir() if path.name not in LEFT} if self.folder else set()
        named = {*self.fails, *self.may_fail, *self.verdicts}
        if self.whole or self.without or len(files) != 1 or not files <= SECTIONS.keys():
            return None
        part = files.pop()
        return part if all(fnmatch(criterion, scope(part)) for criterion in named) else None

    @property
    def scope(self) -> str | None:
        """Give the glob of the criteria that this entry can change, or None for all: the rest need not be graded."""
        return scope(self.part) if self.part else None

    def lay(self, target: Path) -> None:
        """Write the submission into a new folder: the reference, changed by this entry. Raises UsageError."""
        Submission(entries=(self,)).lay(target)

    def change(self, target: Path) -> None:
        """Change the reference in the folder `target` to this entry. Raises UsageError where a patch does not apply."""
        for part in self.without:
            (target / part).unlink()
        if self.folder:
            leave = shutil.ignore_patterns(*LEFT)
            shutil.copytree(self.folder, target, dirs_exist_ok=True, symlinks=True, ignore=leave)
        for change in self.replace:
            path = target / change.file
            text = path.read_text()
            if (found := text.count(change.old)) != 1:
                raise UsageError(
                    f"corpus entry {self.name}: its old text stands {found} times in {change.file}, not once"
                )
            path.write_text(text.replace(change.old, change.new))


class Submission(Frozen):
    """What is graded at once: the reference with one entry laid over it, or with one for each of several parts."""

    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        return "+".join(entry.name for entry in self.entries)

    @property
    def scope(self) -> str | None:
        """Give the glob of the criteria that its entries can change, or None for all."""
        parts = [entry.part for entry in self.entries]
        return None if None in parts else scope(*(part for part in parts if part))

    def lay(self, target: Path) -> None:
        """Write the submission into a new folder. Raises UsageError where a patch does not apply."""
        target.mkdir(parents=True)
        for part in PARTS:
            shutil.copy(REFERENCE / part, target / part)
        for entry in self.entries:
            entry.change(target)


def together(entries: Iterable[Entry]) -> list[Submission]:
    """Make as few submissions as the entries need: those about different parts travel as one."""
    every = list(entries)
    by_part = ([entry for entry in every if entry.part == part] for part in PARTS)
    mixed = [Submission(entries=tuple(entry for entry in row if entry)) for row in zip_longest(*by_part)]
    return mixed + [Submission(entries=(entry,)) for entry in every if entry.part is None]


def quick(entries: Iterable[Entry], every: int) -> list[Entry]:
    """Give the right entries, the core, and each Nth of the other wrong ones: a look that still needs every check."""
    seen = list(entries)
    others = [entry for entry in seen if entry.fails and not entry.core]
    left_out = {entry.name for number, entry in enumerate(others) if number % every}
    return [entry for entry in seen if entry.name not in left_out]


def load(folder: Path) -> list[Entry]:
    """Read every entry below a folder, sorted by name. Raises UsageError with the file and what is wrong in it."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; the corpus is in tests/corpus of a checkout")
    entries = []
    for path in sorted([*folder.glob("*/*.toml"), *folder.glob("*/*/entry.toml")]):
        whole = path.name == "entry.toml" and path.parent.parent.parent == folder
        home = path.parent if whole else None
        try:
            data = tomllib.loads(path.read_text())
            name = path.parent.name if whole else path.stem
            group = path.parent.parent.name if whole else path.parent.name
            entries.append(Entry.model_validate(data | {"name": name, "group": group, "folder": home}))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise UsageError(f"{path}: {error}") from None
    names = [entry.name for entry in entries]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"corpus names stand twice: {', '.join(sorted(twice))}")
    return sorted(entries, key=lambda entry: (entry.group, entry.name))
