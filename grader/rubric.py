"""Read a rubric: TOML -> Rubric, with errors that say which file, which key, what stands there and what may."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from grader import toml
from grader.errors import UsageError, hint
from grader.models import DIAGNOSIS, Rubric
from grader.project import CHECKS


def load(path: Path) -> Rubric:
    """Read the rubric at path. Raises UsageError."""
    rubric = toml.read(path, Rubric, "rubric")
    known = _judged()
    for i, criterion in enumerate(rubric.criteria):
        if criterion.id not in known:
            # Nothing would ever judge it, and points that cannot be earned would silently leave the score.
            raise UsageError(
                f"rubric {path}: criteria[{i}].id is {criterion.id!r}, which no check judges"
                f"{hint(criterion.id, known)} (allowed: {', '.join(sorted(known))})"
            )
    return rubric


def digest(rubric: Rubric) -> str:
    """Give sha256:... of what the rubric says, whatever its comments and layout."""
    return f"sha256:{hashlib.sha256(rubric.model_dump_json(by_alias=True).encode()).hexdigest()}"


def _judged() -> set[str]:
    """Give the criteria that the checks name. Read as text: to import the checks is to import torch."""
    marks = re.compile(r"""^@criterion\(["']([^"']+)["']\)""", re.MULTILINE)
    sources = [path.read_text(encoding="utf-8") for path in CHECKS.glob("check_*.py")]
    return {DIAGNOSIS, *(found for source in sources for found in marks.findall(source))}
