"""Compare the bug classes that a submission declares with those that its kit holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.intake import read_toml
from grader.kit.keys import VARIABLE, Key
from grader.models import BUG_CLASSES, CheckResult, Evidence, Verdict

CHECK = "declared_classes_are_the_planted_ones"
MOST_CHARACTERS = 80  # of a text that goes into the scorecard


def diagnose(toml: bytes | None, kit: str | None, keys: Mapping[str, Key]) -> CheckResult:
    """Judge submission.toml's diagnosis against the key of kit.

    The fraction earned is (hits - wrong) / planted, at least 0: recall, from which each class that was not planted
    takes away what a hit gives. A kit holds fewer than half of the classes, so declaring all of them earns nothing.
    """
    if toml is None and kit is None:
        return CheckResult(id=CHECK, verdict=Verdict.not_applicable, message="no kit was given")
    if toml is None:
        return _nothing(f"kit {kit} was given, and there is no submission.toml", Verdict.missing)
    try:
        data = _parse(toml)
        kit = kit or _kit(data)
        if kit is None:
            return CheckResult(id=CHECK, verdict=Verdict.not_applicable, message="submission.toml names no kit")
        declared, entries = _declared(data)
    except _Unreadable as error:
        return _nothing(str(error))
    key = keys.get(kit)
    if key is None:
        reason = (
            f"this machine has no key for kit {_short(kit)!r}: if that id is the one in the kit's README.md, "
            f"name its keys in {VARIABLE} and grade again"
        )
        return _nothing(reason, evidence={"kit_without_key": True})
    return _compare(declared, entries, key)


def _compare(declared: list[str], entries: list[Evidence], key: Key) -> CheckResult:
    planted = sorted(set(key.classes))
    hits = [name for name in declared if name in planted]
    wrong = [name for name in declared if name not in planted]
    missed = [name for name in planted if name not in declared]
    fraction = max(0.0, (len(hits) - len(wrong)) / len(planted))
    evidence: Evidence = {
        "fraction": round(fraction, 4),
        "declared": [*declared],
        "planted": [*planted],
        "hits": [*hits],
        "missed": [*missed],
        "wrong": [*wrong],
        "entries": [*entries],
    }
    message = f"{len(hits)} of {len(planted)} planted classes named"
    if wrong:
        unknown = [name for name in wrong if name not in BUG_CLASSES]
        message += f", {len(wrong)} that the kit does not hold"
        message += f" ({', '.join(unknown)}: no such class)" if unknown else ""
    if fraction == 1:
        return CheckResult(id=CHECK, verdict=Verdict.accepted, evidence=evidence)
    verdict = Verdict.partial if fraction > 0 else Verdict.wrong_answer
    return CheckResult(id=CHECK, verdict=verdict, message=message, evidence=evidence)


class _Unreadable(Exception):
    """submission.toml does not say what it should, and why."""


def _parse(toml: bytes) -> dict[str, Any]:
    try:
        return read_toml(toml)
    except ValueError as error:
        raise _Unreadable(f"submission.toml cannot be read: {_short(str(error))}") from None


def _kit(data: dict[str, Any]) -> str | None:
    kit = data.get("kit")
    if kit is not None and not isinstance(kit, str):
        raise _Unreadable("kit in submission.toml must be a text")
    return kit


def _declared(data: dict[str, Any]) -> tuple[list[str], list[Evidence]]:
    """Give the declared classes, each once and in order, and what was said about each; unknown keys are let be."""
    diagnosis = data.get("diagnosis", [])
    if not isinstance(diagnosis, list) or not all(isinstance(entry, dict) for entry in diagnosis):
        raise _Unreadable("diagnosis in submission.toml must be a list of tables, each under [[diagnosis]]")
    declared: dict[str, None] = {}
    entries: list[Evidence] = []
    for number, entry in enumerate(diagnosis, 1):
        bug = entry.get("bug")
        if not isinstance(bug, str):
            raise _Unreadable(f"diagnosis {number} in submission.toml has no text under bug")
        name = _short("-".join(bug.lower().replace("_", " ").split()))
        declared[name] = None
        said: Evidence = {key: _short(_text(entry[key])) for key in ("where", "test") if key in entry}
        entries.append({"bug": name, **said})
    return list(declared), entries


def _nothing(reason: str, verdict: Verdict = Verdict.wrong_answer, evidence: Evidence | None = None) -> CheckResult:
    return CheckResult(id=CHECK, verdict=verdict, message=reason, evidence=evidence or {})


def _text(value: object) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; tables nested by a long key
        return "(no text)"


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."
