"""Blind grading: names are taken out of scorecards, code names stand in their place, and a book says who is who."""

from __future__ import annotations

import builtins
import fcntl
import json
import keyword
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

import platformdirs
from pydantic import ValidationError

from grader.errors import HarnessError, UsageError
from grader.models import Frozen, Scorecard

VARIABLE = "GRADER_BLIND"
COLOURS = (
    "amber", "azure", "beige", "bronze", "cobalt", "copper", "coral", "crimson", "cyan", "ebony", "emerald", "golden",
    "green", "grey", "indigo", "ivory", "jade", "khaki", "lilac", "lime", "magenta", "maroon", "mauve", "navy", "ochre",
    "olive", "orange", "pearl", "pink", "plum", "purple", "ruby", "russet", "saffron", "scarlet", "sepia", "silver",
    "tan", "teal", "umber", "violet", "white",
)  # fmt: skip
THINGS = (
    "acorn", "anchor", "arch", "aspen", "basin", "beacon", "birch", "bridge", "brook", "canyon", "cedar", "cliff",
    "cloud", "clover", "comet", "cove", "delta", "dune", "fern", "field", "fjord", "forest", "glacier", "grove",
    "harbor", "heath", "hill", "island", "juniper", "lagoon", "lake", "lantern", "larch", "maple", "marsh", "meadow",
    "moss", "oak", "orchard", "pebble", "pine", "planet", "plateau", "pond", "quarry", "reef", "ridge", "river",
    "rowan", "sequoia", "shore", "spring", "spruce", "stone", "stream", "summit", "tide", "tower", "tundra", "valley",
    "willow", "wind",
)  # fmt: skip
# Parts of a folder's name that are nobody's.
COMMON = frozenset({
    "attempt", "cache", "candidate", "code", "copy", "exam", "exercise", "final", "fixed", "gpt", "home", "kit", "main",
    "matmul", "mini", "minigpt", "model", "new", "notes", "old", "project", "python", "repo", "round", "scan", "screen",
    "solution", "src", "submission", "submissions", "submit", "take", "task", "test", "tests", "torch", "upload",
    "version", "work", "zip",
})  # fmt: skip
CODE_WORDS = frozenset({*keyword.kwlist, *dir(builtins), "dim", "art", "ray", "jax", "dot"})
# A name as people write it. Every repetition is bounded, so that no text takes time beyond its length.
NAME = r"([^\W\d_][\w'\u2019.-]{1,30}(?:[ \t]+[^\W\d_][\w'\u2019.-]{0,30}){0,3})"
SIGNED = (
    r"^\W{0,8}(?:author|authors|name|candidate|__author__)[ \t]{0,8}[:=][ \t]{0,8}[\"']?" + NAME,
    r"\b(?:written|submitted|solved|made|solution|work|copyright|\(c\))(?: by| \(c\))?(?: \d{4})?[ \t]{1,4}" + NAME,
    r"^[ \t]{0,8}(?:--|\u2014|\u2013|(?:best|kind|warm) regards,?|best,|regards,|thanks,|cheers,|sincerely,)\s{1,4}"
    + NAME
    + r"[ \t]*$",
)
SIGNATURES = 300  # words of signatures that are looked for; a submission has a dozen
WRITTEN = ("changes", "notes", "output", "reason", "criteria")  # what of a scorecard may hold a candidate's words
EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
PROFILE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:github\.com|gitlab\.com|huggingface\.co|linkedin\.com/in|twitter\.com|x\.com|"
    r"bsky\.app/profile|[\w-]{1,63}\.github\.io)(?:/[\w./%~-]{0,200})?",
    re.IGNORECASE,
)


# --- who is who -------------------------------------------------------------------------------------------------------


class Entry(Frozen):
    """A name and what stands in its place."""

    name: str
    code: str


def default_path() -> Path:
    """Give the book that is used where none is named: $GRADER_BLIND, else one among the user's data."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path("ml-screen-grader") / "blind.jsonl"


def read(path: Path) -> dict[str, str]:
    """Give the code name of every name in the book. Raises HarnessError for a broken one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {entry.name: entry.code for entry in map(Entry.model_validate_json, lines)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ValidationError) as error:
        raise HarnessError(f"{path} cannot be read: {error}. Repair it, or name another in {VARIABLE}") from error


def codes(names: Iterable[str], path: Path) -> dict[str, str]:
    """Give each name its code name, the same in every run; new ones are drawn and kept. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _held(path) as file:
            known = read(path)
            for name in names:
                if name not in known:
                    known[name] = _draw(set(known.values()))
                    file.write(json.dumps({"name": name, "code": known[name]}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return known
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another in {VARIABLE}") from None


@contextmanager
def _held(path: Path) -> Iterator[IO[str]]:
    """Open the book to add to it; two runs at once take turns, so that no name gets two codes."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)  # nobody else's to read
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _draw(taken: set[str]) -> str:
    """Draw a code name that says nothing, not even in which order names came."""
    for _ in range(200):
        code = f"{secrets.choice(COLOURS)}-{secrets.choice(THINGS)}"
        if code not in taken:
            return code
    return f"{secrets.choice(COLOURS)}-{secrets.choice(THINGS)}-{secrets.token_hex(3)}"


# --- taking names out -------------------------------------------------------------------------------------------------


def conceal(card: Scorecard, name: str, code: str) -> Scorecard:
    """Give the scorecard without the name: replaced wherever it, a part of it, or a signature of the texts stands.

    Of more words of signatures than SIGNATURES the longest count: who signs with thousands wants to waste time.
    Text that a model generated stays as it is: pictures count its characters.
    """
    data = card.model_dump(by_alias=True)
    signed = {word for key in WRITTEN for text in _texts(data[key]) for word in _signed(text)}
    pattern = _pattern(_of_path(name) | set(_longest_first(signed)[:SIGNATURES]))
    data |= {key: _without(data[key], pattern, code) for key in WRITTEN}
    submission = data["submission"]
    submission |= {key: _without(submission[key], pattern, code) for key in ("files", "refused")}
    submission |= {"name": code, "blind": True}
    return Scorecard.model_validate(data)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value[1:] if value[:1] in "+-" else value  # the sign of a changed line
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _of_path(name: str) -> set[str]:
    """Give the name of a folder or archive, and those of its parts that may be somebody's."""
    parts = re.split(r"[\W\d_]+", name)
    return {name} | {part for part in parts if len(part) >= 3 and part.lower() not in COMMON}


def _signed(text: str) -> set[str]:
    """Give the names that a text says are its author's, whole and word by word."""
    found: set[str] = set()
    for match in (match for pattern in SIGNED for match in re.finditer(pattern, text, re.IGNORECASE | re.MULTILINE)):
        words = [word.strip(".'\u2019-") for word in match[1].split()]
        # A name is written with capitals; `made by hand` names nobody.
        names = list(takewhile(lambda word: word[:1].isupper() and word.lower() not in COMMON, words))
        found |= {" ".join(names), *(word for word in names if len(word) >= 3)}
    for match in EMAIL.finditer(text):
        found |= _of_path(match[0].split("@")[0])
    return found


def _longest_first(words: set[str]) -> list[str]:
    return sorted((word for word in words if word), key=lambda word: (-len(word), word))


def _pattern(words: set[str]) -> re.Pattern[str] | None:
    ordered = _longest_first(words)
    if not ordered:
        return None
    # A name that is also a word of the language (Max, Dot) counts only where it is written like a name.
    either = [
        f"(?-i:{word[0].upper()}{re.escape(word[1:])})" if word.lower() in CODE_WORDS else re.escape(word)
        for word in ordered
    ]
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(either)})(?![^\W\d_])", re.IGNORECASE)


def _without(value: Any, pattern: re.Pattern[str] | None, code: str) -> Any:
    if isinstance(value, str):
        text = PROFILE.sub("[profile]", EMAIL.sub("[email]", value))
        return pattern.sub(code, text) if pattern else text
    if isinstance(value, dict):
        keep = ("tokens", "expected", "actual", "id", "title", "claim")
        return {
            key if key in keep else _without(key, pattern, code): item if key in keep else _without(item, pattern, code)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_without(item, pattern, code) for item in value)
    return value
