"""The planted bugs: single, exact changes of the reference, each with its class and the criteria that it breaks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from grader.errors import HarnessError
from grader.kit.edits import Edit, replace
from grader.models import BUG_CLASSES, CriterionId, Frozen

SOURCES = ("bugs_minigpt.toml", "bugs_cache.toml", "bugs_matmul.toml", "bugs_scan.toml")
Part = Literal["minigpt", "matmul", "scan"]


class Bug(Frozen):
    """One bug. `old` and `new` are for the reference; `in_kit` for a starter whose cut changed that very text."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$")
    part: Part = "minigpt"
    class_: str | None = Field(None, alias="class")  # one of the contract's eleven; matmul and scan have none
    title: str = Field(min_length=1)
    place: str = Field(min_length=1)  # the function it lies in
    seen: str = Field(min_length=1)  # what a reader would see of it
    breaks: tuple[CriterionId, ...] = Field(min_length=1)  # every one of them must notice
    weight: int = Field(2, ge=1, le=3)  # how hard it is to find; docs/kits.md says what each means
    positions: Literal["both", "learned", "rope"] = "both"  # which checkpoints show it
    cached: bool = False  # lies in lines that a kit leaves to the candidate, so it cannot be planted there
    old: str = Field(min_length=1)
    new: str = Field(min_length=1)
    in_kit: Edit | None = None

    @model_validator(mode="after")
    def _class_fits_the_part(self) -> Bug:
        if self.part == "minigpt" and self.class_ not in BUG_CLASSES:
            raise ValueError(f"{self.id}: class {self.class_!r}; it must be one of {', '.join(BUG_CLASSES)}")
        if self.part != "minigpt" and self.class_ is not None:
            raise ValueError(f"{self.id}: class {self.class_!r}; bugs of {self.part}.py have none")
        return self

    @property
    def plantable(self) -> bool:
        """Tell whether a kit can hold it."""
        return self.part == "minigpt" and not self.cached

    @property
    def file(self) -> str:
        return f"{self.part}.py"

    @property
    def edit(self) -> Edit:
        """Give the change to the reference."""
        return Edit(old=self.old, new=self.new)

    @property
    def kit_edit(self) -> Edit:
        """Give the change to the starter, which has no cache."""
        return self.in_kit or self.edit

    def shows_with(self, positions: str) -> bool:
        return self.positions in ("both", positions)


@cache
def load_bugs() -> dict[str, Bug]:
    """Read every planted bug, by id. Raises HarnessError for a broken file."""
    found: dict[str, Bug] = {}
    for name in SOURCES:
        path = Path(__file__).with_name(name)
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8"))["bugs"]
            bugs = [Bug.model_validate(entry) for entry in entries]
        except (OSError, KeyError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise HarnessError(f"{path}: {error}") from error
        for bug in bugs:
            if bug.id in found:
                raise HarnessError(f"{path}: bug {bug.id!r} stands twice; every id must be its own")
            found[bug.id] = bug
    return found


def apply(files: Mapping[str, str], bugs: Iterable[Bug]) -> dict[str, str]:
    """Give the reference's files (name -> text) with bugs in them.

    Raises: HarnessError, naming bug and file, where a bug's text does not occur exactly once or two bugs overlap.
    """
    by_file: dict[str, dict[str, Edit]] = {}
    for bug in bugs:
        by_file.setdefault(bug.file, {})[f"bug {bug.id} in {bug.file}"] = bug.edit
    missing = by_file.keys() - files.keys()
    if missing:
        raise HarnessError(f"{sorted(missing)} must be among the files to plant bugs in; there is {sorted(files)}")
    return {name: replace(text, by_file[name]) if name in by_file else text for name, text in files.items()}
