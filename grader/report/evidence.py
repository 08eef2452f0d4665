"""What a check found, ready to be shown: values side by side, the error, the pictures, everything capped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grader.models import CheckResult, Evidence, Verdict
from grader.report import draw, maps, memory
from grader.report.text import Cut, counted, cut, cut_front, number, one_line, plain, short
from grader.report.words import MARKS, Mark

LEAK = 1e-5  # where a causality map brings no tolerance of its own
AROUND = 60  # characters shown before and after the first that differs
SHORT_LIST = 8  # a shape, say: read as a whole, not by its first difference
ITEMS_AROUND = 12  # entries of a list, likewise
NOWHERE = (None, "", "its one value")  # places of a divergence that tell nothing
MANY = 1e6  # times the tolerance: how many more says nothing
DRAWN = frozenset(
    {"claim", "expected", "actual", "max_abs_diff", "atol", "first_divergence", "detail", "error", "tokens", "cost"}
    | {"layer_map", "causality_map", "gradient_map", "cache_memory", "ratio", "interval", "threshold", "fraction"}
    | {"measured", "pairs", "kit_without_key"}
)


@dataclass(frozen=True)
class Caps:
    """How much of what a submission said is shown; smaller ones are tried where a report grows too large."""

    message: int = 2000
    line: int = 400  # a claim, a key, the kind or place of an error
    trace: int = 6000
    value: int = 600
    output: int = 16000
    other_keys: int = 12
    checks: int = 40
    pictures: bool = True
    names: int = 200
    change_characters: int = 150_000
    notes: int = 20_000


CAPS = (
    Caps(),
    Caps(
        message=800, line=200, trace=1200, value=240, output=4000, other_keys=6, names=60,
        change_characters=60_000, notes=8000,
    ),
    Caps(
        message=200, line=100, trace=240, value=80, output=1000, other_keys=3, checks=12, pictures=False, names=15,
        change_characters=20_000, notes=2000,
    ),
    Caps(
        message=80, line=60, trace=80, value=40, output=400, other_keys=0, checks=2, pictures=False, names=5,
        change_characters=0, notes=0,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """Expected against actual: the same before, what differs, and what follows."""

    before: str
    expected: str
    actual: str
    expected_after: str
    actual_after: str
    difference: str  # between two numbers
    differ: bool = True


@dataclass(frozen=True)
class Fault:
    """An exception of the submission: what the check's message does not say of it."""

    kind: str
    message: Cut
    place: str
    trace: Cut


@dataclass(frozen=True)
class Pictures:
    """What can be drawn."""

    strip: draw.Strip | None
    cost: draw.Cost | None
    interval: draw.Interval | None
    layers: maps.Map | None
    causality: maps.Map | None
    gradient: maps.Map | None
    memory: memory.Memory | None

    @property
    def any(self) -> bool:
        drawn = (self.strip, self.cost, self.interval, self.layers, self.causality, self.gradient, self.memory)
        return any(picture is not None for picture in drawn)


@dataclass(frozen=True)
class CheckView:
    """One check as a reader sees it."""

    claim: str
    mark: Mark
    holds: bool
    message: Cut
    sides: Sides | None
    facts: tuple[tuple[str, str], ...]
    detail: Cut | None
    fault: Fault | None
    pictures: Pictures
    others: tuple[tuple[str, str], ...]
    duration_s: float
    is_alike: bool = False  # a check of the same name, under another scheme, fails in the same way above

    @property
    def meaning(self) -> str:
        """Say what its verdict means, where neither the word nor the message does."""
        plain_words = (MARKS[Verdict.wrong_answer], MARKS[Verdict.missing])
        return "" if self.holds or self.mark in plain_words else self.mark.meaning

    @property
    def has_more(self) -> bool:
        """Say whether there is more to show than message and claim, beside which what holds has its difference."""
        shown = self.sides or self.detail or self.fault or self.others or self.pictures.any
        return bool(shown or (self.facts and not self.holds))


def check_view(check: CheckResult, caps: Caps) -> CheckView:
    """Prepare one check."""
    found = check.evidence
    claim = found.get("claim")
    claim_text = claim if isinstance(claim, str) and claim else f"{check.id.replace('_', ' ').capitalize()}."
    message = cut(check.message, caps.message)
    others = [(key, value) for key, value in found.items() if key not in DRAWN and value not in (None, "", [], {})]
    rest = len(others) - caps.other_keys
    shown = [
        (short(key, min(40, caps.line)), short(plain(value), caps.value)) for key, value in others[: caps.other_keys]
    ]
    if rest > 0:
        shown.append(("left out", counted(rest, "more value")))
    detail = found.get("detail")
    return CheckView(
        claim=short(claim_text, caps.line) + _variant(check.id),
        mark=MARKS[check.verdict],
        holds=check.verdict.is_fine,
        message=message,
        sides=_sides(found, message.text, caps),
        facts=_unstated(_facts(found, message.text, caps), message.text),
        detail=cut(plain(detail), caps.message) if detail else None,
        fault=_fault(found.get("error"), message.text, caps),
        pictures=_pictures(found) if caps.pictures else Pictures(None, None, None, None, None, None, None),
        others=_unstated(shown, message.text),
        duration_s=check.duration_s,
    )


def _variant(check_id: str) -> str:
    """Give the case that a check's id names in brackets: `forward[rope]`."""
    before, bracket, case = check_id.partition("[")
    return f" ({short(case.removesuffix(']'), 60)})" if bracket and before else ""


def _states(message: str, value: str) -> bool:
    """Say whether a message holds a value, as a word of its own and not as a part of another number."""
    return bool(value) and re.search(rf"(?<![\w.,-]){re.escape(value)}(?!\w|[.,]\d)", message) is not None


def _unstated(rows: Sequence[tuple[str, str]], message: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in rows if not _states(message, value))


def _facts(found: Evidence, message: str, caps: Caps) -> list[tuple[str, str]]:
    facts = []
    if found.get("first_divergence") not in NOWHERE:
        facts.append(("first divergence", short(plain(found["first_divergence"]), caps.value)))
    largest, atol = found.get("max_abs_diff"), found.get("atol")
    if largest is not None:
        said, size, limit = number(_three(largest)), draw.real(largest), draw.real(atol)
        ratio = size / limit if size is not None and limit else None
        if not _states(message, said):
            facts.append(("largest difference", said + (f" ({_share(ratio)})" if ratio is not None else "")))
        elif ratio is not None:
            facts.append(("times the tolerance", _times(ratio)))
    if atol is not None:
        facts.append(("tolerance", number(atol)))
    if (share := draw.real(found.get("fraction"))) is not None:
        facts.append(("share that holds", f"{share:.0%}"))
    return facts


def _three(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _times(ratio: float) -> str:
    return "more than a million" if ratio > MANY else f"{ratio:,.0f}" if ratio >= 2 else f"{ratio:.2g}"


def _share(ratio: float) -> str:
    return f"{_times(ratio)} {'times' if ratio >= 2 else 'of'} the tolerance"


def _sides(found: Evidence, message: str, caps: Caps) -> Sides | None:
    if "expected" not in found and "actual" not in found:
        return None
    expected, actual = found.get("expected"), found.get("actual")
    left, right = draw.real(expected), draw.real(actual)
    if left is not None and right is not None:
        sides = Sides("", number(expected), number(actual), "", "", number(_three(abs(right - left))))
    elif isinstance(expected, str) and isinstance(actual, str):
        return _texts(expected, actual, caps)
    elif isinstance(expected, list) and isinstance(actual, list) and max(len(expected), len(actual)) > SHORT_LIST:
        return _lists(expected, actual, caps)
    else:
        sides = Sides("", short(plain(expected), caps.value), short(plain(actual), caps.value), "", "", "")
    return None if _states(message, sides.expected) and _states(message, sides.actual) else sides


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Count the items at the start of both, by halving: text of megabytes is compared by the interpreter, not by us."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _texts(expected: str, actual: str, caps: Caps) -> Sides:
    same = _common(expected, actual)
    start = max(0, same - AROUND)
    most = min(caps.value, 2 * AROUND)
    return Sides(
        before=("…" if start else "") + short(expected[start:same], most),
        expected=one_line(expected[same : same + 1]),
        actual=one_line(actual[same : same + 1]),
        expected_after=short(expected[same + 1 :], most),
        actual_after=short(actual[same + 1 :], most),
        difference="",
        differ=expected != actual,
    )


def _lists(expected: list[Any], actual: list[Any], caps: Caps) -> Sides:
    same = _common(expected, actual)
    start = max(0, same - ITEMS_AROUND)

    def items(data: list[Any]) -> str:
        shown = " ".join(short(plain(item), 24) for item in data[:ITEMS_AROUND])
        rest = len(data) - ITEMS_AROUND
        return short(shown, caps.value) + (f" … ({rest:,} more)" if rest > 0 else "")

    before = " ".join(short(plain(item), 24) for item in expected[start:same])
    return Sides(
        before=(f"… ({start:,} before) " if start else "") + short(before, caps.value) + (" " if before else ""),
        expected=items(expected[same : same + 1]),
        actual=items(actual[same : same + 1]),
        expected_after=" " + items(expected[same + 1 :]),
        actual_after=" " + items(actual[same + 1 :]),
        difference="",
        differ=expected != actual,
    )


def _fault(error: Any, message: str, caps: Caps) -> Fault | None:
    if not isinstance(error, dict):
        return None
    place = short(plain(error["file"]), caps.line) if error.get("file") else ""
    if place and error.get("line") is not None:
        place += f":{short(plain(error['line']), 20)}"
    kind = short(plain(error.get("type") or "error"), min(80, caps.line))
    if _states(message, kind) and (not place or _states(message, place)):
        kind = place = ""
    text = cut(plain(error.get("message") or ""), caps.message)
    if not text.left_out and _states(message, text.text):
        text = Cut("")
    trace = cut_front(plain(error.get("traceback") or ""), caps.trace)
    return Fault(kind, text, place, trace) if kind or text.text or trace.text else None


def _pictures(found: Evidence) -> Pictures:
    atol = draw.real(found.get("atol"))
    return Pictures(
        strip=draw.strip(found.get("tokens")),
        cost=draw.cost(found.get("cost")),
        interval=draw.interval(found),
        layers=maps.layer_map(found.get("layer_map"), atol),
        causality=maps.causality_map(found.get("causality_map"), atol or LEAK),
        gradient=maps.gradient_map(found.get("gradient_map"), atol, found.get("first_divergence")),
        memory=memory.memory(found.get("cache_memory")),
    )
