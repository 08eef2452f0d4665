"""A TOML file that an operator writes, as a model: a fault is said by file, key, what stands there and what may."""

from __future__ import annotations

import math
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from grader.errors import UsageError, hint

MOST_BYTES = 2**20
FAULTS = 5  # that one message lists
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

Model = TypeVar("Model", bound=BaseModel)


def read(path: Path, model: type[Model], what: str) -> Model:
    """Read the file at path, which the messages call what. Raises UsageError."""
    try:
        with Path(path).open("rb") as file:
            source = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{what} {path} cannot be read: {why}") from None
    if len(source) > MOST_BYTES:
        raise UsageError(f"{what} {path} is larger than {MOST_BYTES:,} bytes; is it a {what}?")
    try:
        data = tomllib.loads(source.decode())
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise UsageError(f"{what} {path}, line {line}: not UTF-8; save the file as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{what} {path} is not TOML: {error}") from None
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        # A misspelt key also leaves the right one missing; the misspelling is what to show.
        entries = sorted(error.errors(include_url=False), key=lambda entry: entry["type"] == "missing")
        faults = [_fault(data, entry, model) for entry in entries]
        more = f" (and {len(faults) - FAULTS} more)" if len(faults) > FAULTS else ""
        raise UsageError(f"{what} {path}: {'; '.join(faults[:FAULTS])}{more}") from None
    for place, value in _numbers(data, ""):
        if not math.isfinite(value):
            raise UsageError(f"{what} {path}: {place} is {value}; it must be a finite number")
    return found


def _fault(data: dict[str, Any], error: Any, model: type[BaseModel]) -> str:
    """Put one pydantic error into words: the key, the value, and the values that are allowed."""
    where = _where(data, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        allowed = _keys(model, error["loc"])
        return f"{where}: no such key{hint(str(error['loc'][-1]), allowed)} (allowed: {', '.join(allowed)})"
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


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Give the keys that are allowed where the last step of location is one."""
    for step in location[:-1]:
        if isinstance(step, str):
            model = next(_models(model.model_fields[step].annotation), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Give the models in a type: that of a table, of a list of tables, of a table that may be left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (tuple, list, Union, types.UnionType):
        for part in get_args(annotation):
            yield from _models(part)
