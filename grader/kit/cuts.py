"""The starter's minigpt.py, derived from the reference: the cache cut out, then bugs planted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from grader.errors import HarnessError
from grader.kit.bugs import Bug
from grader.kit.edits import Edit, lines_of, replace
from grader.project import REFERENCE

SOURCE = Path(__file__).with_name("cuts.toml")


@cache
def cuts() -> dict[str, Edit]:
    """Read the cuts, each under a label. Raises HarnessError for a broken file."""
    try:
        entries = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["cuts"]
        return {f"cut {number}": Edit.model_validate(entry) for number, entry in enumerate(entries, 1)}
    except (OSError, KeyError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise HarnessError(f"{SOURCE}: {error}") from error


@cache
def starter() -> str:
    """Give minigpt.py without a cache and without bugs."""
    return replace((REFERENCE / "minigpt.py").read_text(encoding="utf-8"), cuts())


def plant(bugs: Iterable[Bug]) -> str:
    """Give the starter with bugs in it. Raises HarnessError where they overlap."""
    return replace(starter(), {f"bug {bug.id} in a kit's minigpt.py": bug.kit_edit for bug in bugs})


@cache
def lines(bug: Bug) -> range:
    """Give the numbers of the starter's lines that bug changes."""
    return lines_of(starter(), bug.kit_edit, f"bug {bug.id}")
