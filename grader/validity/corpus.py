"""Corpus entries: submissions whose right verdicts are known, as folders or as patches on the reference."""

from __future__ import annotations

import shutil
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from pydantic import Field, ValidationError

from grader.errors import UsageError
from grader.models import Frozen, Verdict
from grader.project import REFERENCE

# Each part is imported in a process of its own, so a patch of one part can change only the criteria of that part.
SCOPES = {"minigpt.py": "[gc]*.*", "matmul.py": "matmul.*", "scan.py": "scan.*"}
PARTS = tuple(SCOPES)
LEFT = ("entry.toml", "__pycache__")  # of an entry's folder, not part of the submission


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
    replace: tuple[Replace, ...] = ()

    @property
    def scope(self) -> str | None:
        """Give the glob of the criteria that this entry can change, or None for all: the rest need not be graded."""
        files = {change.file for change in self.replace}
        files |= {path.name for path in self.folder.iterdir() if path.name not in LEFT} if self.folder else set()
        named = {*self.fails, *self.may_fail, *self.verdicts}
        if self.whole or self.without or len(files) != 1:
            return None
        glob = SCOPES.get(files.pop())
        return glob if glob and all(fnmatch(criterion, glob) for criterion in named) else None

    def lay(self, target: Path) -> None:
        """Write the submission: the reference, less `without`, plus the folder's files, changed. Raises UsageError."""
        target.mkdir(parents=True)
        for part in PARTS:
            if part not in self.without:
                shutil.copy(REFERENCE / part, target / part)
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
