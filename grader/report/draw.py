"""The geometry of the pictures; templates/pictures.html.j2 writes it as SVG.

Evidence comes from what a submission answered, so every function here gives None for data of another shape.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grader.report.text import number, one_line, rough, short

# --- reading evidence -------------------------------------------------------------------------------------------------


def real(value: Any) -> float | None:
    """Give a finite number as a float, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _positive(data: Any, length: int) -> list[float] | None:
    if not isinstance(data, list) or len(data) != length:
        return None
    found = [value for item in data if (value := real(item)) is not None and value > 0]
    return found if len(found) == length else None


# --- token strip ------------------------------------------------------------------------------------------------------

COLUMNS, CELL, ROWS_SHOWN, BAND = 40, 10.0, 5, 68
BOOTSTRAPPED = 5  # pairs, from which an interval of their median is told
TOKENS = 4096  # that are compared; no check generates more


@dataclass(frozen=True)
class Glyphs:
    """Characters at exact places: `x` of the nth is the nth number of `xs`."""

    text: str
    xs: str
    y: float


@dataclass(frozen=True)
class Strip:
    """Expected over generated tokens, a band of COLUMNS tokens at a time."""

    width: float
    height: float
    prompt: str
    expected: tuple[Glyphs, ...]
    actual: tuple[Glyphs, ...]
    wrong: tuple[tuple[float, float], ...]  # x, y of each generated token that differs
    first: tuple[float, float] | None  # x, y of the first of them
    starts: tuple[tuple[int, float], ...]  # index of each band's first token, y
    top2: tuple[tuple[str, str, float], ...]  # token, logit, length of its bar
    gap: str
    caption: str
    alternative: str


def strip(data: Any) -> Strip | None:
    """Lay out expected and generated tokens, the first wrong one and its two best logits."""
    if not isinstance(data, dict):
        return None
    expected, actual = _tokens(data.get("expected")), _tokens(data.get("actual"))
    if not expected and not actual:
        return None
    total = max(len(expected), len(actual))
    differ = [i for i in range(total) if expected[i : i + 1] != actual[i : i + 1]]
    first = differ[0] if differ else None
    start = max(0, (first or 0) // COLUMNS - 1) * COLUMNS
    stop = min(total, start + ROWS_SHOWN * COLUMNS)
    bands = range(start, stop, COLUMNS)

    def place(i: int) -> tuple[float, float]:
        return 84 + (i - start) % COLUMNS * CELL, (i - start) // COLUMNS * BAND + 8.0

    def glyphs(tokens: Sequence[str], dy: float) -> tuple[Glyphs, ...]:
        rows = []
        for band in bands:
            shown = [i for i in range(band, min(band + COLUMNS, stop, len(tokens))) if tokens[i] != " "]
            xs = " ".join(f"{place(i)[0] + CELL / 2:g}" for i in shown)
            rows.append(Glyphs("".join(_glyph(tokens[i]) for i in shown), xs, place(band)[1] + dy))
        return tuple(rows)

    top2, gap = _best_two(data.get("top2"))
    where = "all tokens as expected"
    if first is not None:
        want = _quoted(expected[first]) if first < len(expected) else "the end"
        got = _quoted(actual[first]) if first < len(actual) else "the end"
        where = f"first wrong token at position {first + 1}: expected {want}, generated {got}"
    window = "" if stop - start == total else f"; tokens {start + 1} to {stop} of {total:,} are shown"
    count = f"{len(differ):,} of {total:,} tokens differ"
    return Strip(
        width=84 + max(12, min(stop - start, COLUMNS)) * CELL + 8,
        height=len(bands) * BAND,
        prompt=one_line(str(data.get("prompt", ""))[-160:]),
        expected=glyphs(expected, 16),
        actual=glyphs(actual, 38),
        wrong=tuple(place(i) for i in differ if start <= i < stop),
        first=place(first) if first is not None and first < stop else None,
        starts=tuple((band + 1, place(band)[1]) for band in bands),
        top2=top2,
        gap=gap,
        caption=f"{where[0].upper()}{where[1:]}. {count}{window}.",
        alternative=f"{where}; {count}",
    )


def _tokens(data: Any) -> list[str]:
    if isinstance(data, str):
        return list(data[:TOKENS])
    if isinstance(data, list) and all(isinstance(item, str) for item in data):
        return [str(item) for item in data[:TOKENS]]
    return []


def _glyph(token: str) -> str:
    """Give one character of one cell's width for a token: SVG counts x positions by it."""
    shown = one_line(token)
    fits = len(shown) == 1 and ord(shown) < 0x10000 and not unicodedata.combining(shown)
    return shown if fits and unicodedata.east_asian_width(shown) not in "WF" else "▯"


def _quoted(token: str) -> str:
    return f"“{short(token, 24)}”" if token != " " else "a space"


def _best_two(data: Any) -> tuple[tuple[tuple[str, str, float], ...], str]:
    if not isinstance(data, list):
        return (), ""
    pairs = [(str(item.get("token", "")), real(item.get("logit"))) for item in data[:2] if isinstance(item, dict)]
    best = [(token, logit) for token, logit in pairs if logit is not None]
    if not best:
        return (), ""
    low = min(0.0, *(logit for _, logit in best)) if len(best) > 1 else 0.0
    span = max(max(logit for _, logit in best) - low, 1e-9)
    bars = tuple((_quoted(token), f"{logit:.3f}", max(2.0, (logit - low) / span * 180)) for token, logit in best)
    gap = f"gap {abs(best[0][1] - best[1][1]):.3g}" if len(best) == 2 else ""
    return bars, gap


# --- cost against T ---------------------------------------------------------------------------------------------------

COST_W, COST_H = 560.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 176.0, 14.0, 42.0
SERIES = (
    ("uncached_ms", "recompute", "series2", "square"),
    ("cached_ms", "cached step", "series1", "circle"),
    ("reference_ms", "reference, cached", "series3", "triangle"),
)


@dataclass(frozen=True)
class Line:
    """One series: a path, markers and a label at its end."""

    name: str
    colour: str
    marker: str
    path: str
    dots: tuple[tuple[float, float], ...]
    label_y: float
    last: str


@dataclass(frozen=True)
class Cost:
    """Time of one more token against the length T before it; both axes are logarithmic."""

    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    unit: str
    caption: str
    alternative: str
    width: float = COST_W
    height: float = COST_H
    left: float = LEFT
    right: float = COST_W - RIGHT
    top: float = TOP
    bottom: float = COST_H - BOTTOM


def cost(data: Any) -> Cost | None:
    """Lay out the cost of decoding."""
    if not isinstance(data, dict) or not isinstance(data.get("T"), list):
        return None
    lengths = _positive(data["T"], len(data["T"]))
    if lengths is None or len(lengths) < 2 or len(lengths) > 64 or sorted(set(lengths)) != lengths:
        return None
    found = [(values, rest) for key, *rest in SERIES if (values := _positive(data.get(key), len(lengths))) is not None]
    if not found:
        return None
    everything = [ms for values, _ in found for ms in values]
    low, high = math.log10(min(everything)) - 0.12, math.log10(max(everything)) + 0.12
    first, last = math.log10(lengths[0]), math.log10(lengths[-1])

    def x(length: float) -> float:
        return round(LEFT + 12 + (math.log10(length) - first) / (last - first) * (COST_W - LEFT - RIGHT - 24), 1)

    def y(ms: float) -> float:
        return round(TOP + (high - math.log10(ms)) / (high - low) * (COST_H - TOP - BOTTOM), 1)

    ends = _spread([y(values[-1]) for values, _ in found], 30)
    lines = []
    for (values, (name, colour, marker)), label_y in zip(found, ends, strict=True):
        dots = tuple((x(length), y(ms)) for length, ms in zip(lengths, values, strict=True))
        path = "M" + "L".join(f"{px:g} {py:g}" for px, py in dots)
        grows = f"{rough(values[-1])} ms at {number(int(lengths[-1]))}, {rough(values[-1] / values[0])}x"
        lines.append(Line(name, colour, marker, path, dots, label_y, grows))
    times = rough(lengths[-1] / lengths[0])
    told = "; ".join(f"{line.name}: {line.last} the time at {number(int(lengths[0]))}" for line in lines)
    return Cost(
        lines=tuple(lines),
        x_ticks=tuple((x(length), number(int(length))) for length in lengths),
        y_ticks=tuple((y(tick), f"{tick:g}") for tick in _ticks(low, high)),
        unit="CPU time" if data.get("unit") == "cpu" else "wall time",
        caption=f"T grows {times}x. Beside each line: its last time, and how many times its first that is.",
        alternative=f"T grows {times}x. {told}.",
    )


def _ticks(low: float, high: float) -> list[float]:
    """Give 1, 2, 5, 10, ... within 10^low to 10^high, only powers of ten where that would be too many."""
    steps = (1, 2, 5) if high - low < 2 else (1,)
    found = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [tick for tick in found if low <= math.log10(tick) <= high][:24]


def _spread(places: list[float], apart: float) -> list[float]:
    """Move labels down until none covers another, and up again where the last would leave the picture."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + apart)
    excess = max(0.0, moved[order[-1]] - (COST_H - BOTTOM))
    return [round(place - excess, 1) for place in moved]


# --- a ratio and its threshold ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """A measured ratio with what it lies between, against the threshold; places are 0 to 420."""

    low: float
    middle: float
    high: float
    threshold: float
    text: str
    threshold_text: str
    within: bool | None  # None: the interval straddles the threshold


def interval(data: dict[str, Any]) -> Interval | None:
    """Lay out ratio, interval and threshold."""
    ratio, limit, ends = real(data.get("ratio")), real(data.get("threshold")), data.get("interval")
    if ratio is None or limit is None or not isinstance(ends, list) or len(ends) != 2 or limit <= 0 or ratio < 0:
        return None
    low, high = real(ends[0]), real(ends[1])
    if low is None or high is None or not 0 <= low <= ratio <= high:
        return None
    scale = 420 / (max(high, limit) * 1.12)
    within = True if high < limit else False if low > limit else None
    places = [round(value * scale, 1) for value in (low, ratio, high, limit)]
    return Interval(
        places[0], places[1], places[2], places[3], _measured(data, ratio, low, high), f"limit {rough(limit)}", within
    )


def _measured(data: dict[str, Any], ratio: float, low: float, high: float) -> str:
    """Say what was measured, and how often; older scorecards do not tell."""
    how, pairs, ends = data.get("measured"), real(data.get("pairs")), f"{rough(low)} to {rough(high)}"
    if pairs is None or pairs < 2:
        return f"Ratio {rough(ratio)}, range {ends}."
    if how == "median":
        spread = f"95 % interval {ends}" if pairs >= BOOTSTRAPPED else f"which are {ends}"
        return f"Ratio {rough(ratio)}, the median of {pairs:.0f} paired ratios, {spread}."
    if how == "largest":
        of = f"the largest of {pairs:.0f} ratios, one of each kind of work"
        return f"Ratio {rough(ratio)}, {of}; far below the limit, so each was measured once. Range {ends}."
    return f"Ratio {rough(ratio)}, range {ends}."


# --- section bars -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """One criterion's share of a section bar."""

    x: float
    width: float
    filled: float
    tone: str
    bonus: bool


def segments(parts: Iterable[tuple[float, float, str, bool]], scale: float) -> tuple[Segment, ...]:
    """Lay out (points, earned, tone, bonus) side by side, `scale` pixels a point."""
    found, x = [], 0.0
    for worth, earned, tone, bonus in parts:
        wide = max(3.0, worth * scale)
        share = min(max(earned / worth, 0.0), 1.0) if worth > 0 else 0.0
        found.append(Segment(round(x, 1), round(wide - 1.5, 1), round((wide - 1.5) * share, 1), tone, bonus))
        x += wide
    return tuple(found)


def histogram(values: Sequence[float], most: float, bins: int = 20) -> tuple[tuple[float, float, int], ...]:
    """Count values between 0 and most: (from, to, count) a bin."""
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int(value / most * bins)))] += 1
    return tuple((i * most / bins, (i + 1) * most / bins, count) for i, count in enumerate(counts))
