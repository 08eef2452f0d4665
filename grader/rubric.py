"""Read a rubric: TOML -> Rubric, with errors that say which file, which key, what stands there and what may."""

from __future__ import annotations

import difflib
import hashlib
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from grader.errors import UsageError
from grader.models import Criterion, Limits, Question, ReviewItem, Rubric, Tolerances, Weights
from grader.project import CHECKS

RUBRIC_BYTES = 2**20
WITHOUT_CHECKS = "diagnosis.bugs"  # judged against the kit's key, not by asking the submission
TABLES: dict[str, type[BaseModel]] = {
    "criteria": Criterion,
    "reviews": ReviewItem,
    "questions": Question,
    "limits": Limits,
    "tolerances": Tolerances,
    "weights": Weights,
}
TYPE_WORDS = {
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "model": "a table",
}
LIMIT_WORDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def load(path: Path) -> Rubric:
    """Read the rubric at path. Raises UsageError."""
    try:
        with Path(path).open("rb") as file:
            source = file.read(RUBRIC_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"rubric {path} cannot be read: {why}") from None
    if len(source) > RUBRIC_BYTES:
        raise UsageError(f"rubric {path} is larger than {RUBRIC_BYTES:,} bytes; is it a rubric?")
    try:
        data = tomllib.loads(source.decode())
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise UsageError(f"rubric {path}, line {line}: not UTF-8; save the file as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"rubric {path} is not TOML: {error}") from None
    try:
        rubric = Rubric.model_validate(data)
    except ValidationError as error:
        # A misspelt key also leaves the right one missing; the misspelling is what to show.
        entries = sorted(error.errors(include_url=False), key=lambda entry: entry["type"] == "missing")
        faults = [_fault(data, entry) for entry in entries]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UsageError(f"rubric {path}: {faults[0]}{more}") from None
    for place, value in _numbers(data, ""):
        if not math.isfinite(value):
            raise UsageError(f"rubric {path}: {place} is {value}; it must be a finite number")
    known = _judged()
    for i, criterion in enumerate(rubric.criteria):
        if criterion.id not in known:
            # Nothing would ever judge it, and points that cannot be earned would silently leave the score.
            near = difflib.get_close_matches(criterion.id, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"rubric {path}: criteria[{i}].id is {criterion.id!r}, which no check judges{hint} "
                f"(allowed: {', '.join(sorted(known))})"
            )
    return rubric


def digest(rubric: Rubric) -> str:
    """Give sha256:... of what the rubric says, whatever its comments and layout."""
    return f"sha256:{hashlib.sha256(rubric.model_dump_json(by_alias=True).encode()).hexdigest()}"


def _judged() -> set[str]:
    """Give the criteria that the checks name. Read as text: to import the checks is to import torch."""
    marks = re.compile(r"""^@criterion\(["']([^"']+)["']\)""", re.MULTILINE)
    sources = [path.read_text(encoding="utf-8") for path in CHECKS.glob("check_*.py")]
    return {WITHOUT_CHECKS, *(found for source in sources for found in marks.findall(source))}


def _fault(data: dict[str, Any], error: Any) -> str:
    """Put one pydantic error into words: the key, the value, and the values that are allowed."""
    where = _where(data, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        allowed = _keys(error["loc"])
        near = difflib.get_close_matches(str(error["loc"][-1]), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{where}: no such key{hint} (allowed: {', '.join(allowed)})"
    if kind == "value_error":
        return f"{where}: {context['error']}" if where else str(context["error"])
    value = repr(error["input"])
    value = value if len(value) <= 80 else value[:80] + "..."
    bounds = [f"{words} {context[key]}" for key, words in LIMIT_WORDS.items() if key in context]
    if bounds:
        return f"{where} is {value}; it must be {' and '.join(bounds)}"
    if "pattern" in context:
        return f"{where} is {value}; it must match {context['pattern']}, like 'cache.decode'"
    if "expected" in context:
        return f"{where} is {value}; allowed: {context['expected']}"
    wanted = TYPE_WORDS.get(kind.split("_")[0])
    return f"{where} is {value}; it must be {wanted}" if wanted else f"{where} is {value}: {error['msg']}"


def _numbers(data: Any, place: str) -> Iterator[tuple[str, float]]:
    if isinstance(data, float):
        yield place, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _numbers(value, f"{place}.{key}" if place else key)
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _numbers(value, f"{place}[{i}]")


def _where(data: Any, location: tuple[str | int, ...]) -> str:
    """Name a place in the file: `criteria[3] (gpt.mode).points`."""
    words = ""
    for step in location:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            data = None
        if isinstance(step, int):
            name = data.get("id") if isinstance(data, dict) else None
            words += f"[{step}]" + (f" ({name})" if isinstance(name, str) else "")
        else:
            words += f".{step}" if words else step
    return words


def _keys(location: tuple[str | int, ...]) -> list[str]:
    model = TABLES.get(str(location[0]), Rubric) if len(location) > 1 else Rubric
    return [field.alias or name for name, field in model.model_fields.items()]
