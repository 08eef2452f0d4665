"""The geometry of maps: sizes over rows and columns, drawn by templates/pictures.html.j2.

Evidence comes from what a submission answered, so every function here gives None for data of another shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grader.report.draw import real
from grader.report.text import rough, short

MOST_ROWS, MOST_COLUMNS = 64, 96
UNSEEN, BLIND, SEES, LEAKS = 0, 1, 2, 4  # levels of a causality map, as numbers of heat colours


def _matrix(data: Any) -> list[list[float]] | None:
    """Give a rectangular matrix of sizes; what is not a finite number counts as infinite."""
    if not isinstance(data, list) or not data or not all(isinstance(row, list) for row in data):
        return None
    width = len(data[0])
    if not width or any(len(row) != width for row in data):
        return None
    return [[math.inf if (size := real(item)) is None else abs(size) for item in row] for row in data]


@dataclass(frozen=True)
class Level:
    """All cells of one colour, as one path."""

    colour: str
    path: str


@dataclass(frozen=True)
class Row:
    """A row's label, the text beside it, and whether it is the one to look at."""

    label: str
    y: float
    note: str
    first: bool


@dataclass(frozen=True)
class Map:
    """Cells by size over rows x columns. A dot marks what should not be there."""

    width: float
    height: float
    left: float
    grid_w: float
    grid_h: float
    rows: tuple[Row, ...]
    columns: tuple[tuple[float, str], ...]
    levels: tuple[Level, ...]
    dots: str
    rings: str
    x_title: str
    y_title: str
    legend: tuple[tuple[str, str], ...]  # colour, what it means
    caption: str
    alternative: str


def layer_map(data: Any, atol: float | None) -> Map | None:
    """Lay out |difference| over module x position, with the first module that diverges."""
    if not isinstance(data, dict) or (values := _matrix(data.get("values"))) is None:
        return None
    names = data.get("layers")
    if not isinstance(names, list) or len(names) != len(values):
        return None
    labels = [short(str(name), 40) for name in names]
    first = names.index(data["first"]) if data.get("first") in names else None
    limit = atol if atol else _largest(values) / 1e3 or 1e-6
    told = "no module differs by more than the tolerance in this row by itself"
    if first is not None:
        at = next((t for t, size in enumerate(values[first]) if size > limit), 0)
        told = f"first module to differ: {labels[first]}, first at position {at}"
    return _heat(values, labels, limit, first, "position", "module", told)


def gradient_map(data: Any, atol: float | None, place: Any = None) -> Map | None:
    """Lay out |error| of one operand's gradient, entry by entry."""
    if not isinstance(data, dict) or (values := _matrix(data.get("values"))) is None:
        return None
    operand = short(str(data.get("operand", "?")), 12)
    limit = atol if atol else _largest(values) / 1e3 or 1e-6
    over = sum(size > limit for row in values for size in row)
    told = f"{over:,} of {len(values) * len(values[0]):,} entries of d{operand} are off"
    axes = place.count(",") + 1 if isinstance(place, str) and place.startswith("index [") else 0
    rows = "row" if axes == 2 else "batch x row" if axes > 2 else "row, flattened"
    return _heat(values, [str(i) for i in range(len(values))], limit, None, f"column of d{operand}", rows, told)


def _largest(values: list[list[float]]) -> float:
    return max((size for row in values for size in row if math.isfinite(size)), default=0.0)


def _heat(
    values: list[list[float]], labels: list[str], limit: float, first: int | None, x: str, y: str, told: str
) -> Map:
    notes = [rough(max(row)) if math.isfinite(max(row)) else "not finite" for row in values]
    shown, labels, rows_each = _pool(values, labels, MOST_ROWS, True)
    shown, _, columns_each = _pool(shown, [], MOST_COLUMNS, False)
    notes = [notes[i * rows_each] if rows_each == 1 else "" for i in range(len(shown))]
    columns = len(shown[0])
    cell = round(min(18.0, max(5.0, 360 / columns)), 1)
    high = 15.0 if len(shown) > 12 else 18.0
    left = 16 + 6.9 * max(len(label) for label in (y, *labels))
    pooled = "" if rows_each == columns_each == 1 else f"; one cell is the largest of {rows_each} x {columns_each}"
    r = rough(limit)
    return Map(
        width=left + columns * cell + (106 if first is not None else 76),
        height=len(shown) * high + 40,
        left=left,
        grid_w=columns * cell,
        grid_h=len(shown) * high,
        rows=tuple(
            Row(label, i * high + high * 0.72, note, first is not None and i == first // rows_each)
            for i, (label, note) in enumerate(zip(labels, notes, strict=True))
        ),
        columns=_column_ticks(columns, cell, left, columns_each),
        levels=_levels([[_level(size, limit) for size in row] for row in shown], cell, high, left),
        dots=_dots(((i, j) for i, row in enumerate(shown) for j, v in enumerate(row) if v > limit), cell, high, left),
        rings="",
        x_title=x,
        y_title=y,
        legend=(
            ("heat0", "equal"), ("heat1", "under 1 % of the tolerance"), ("heat2", f"within {r}"),
            ("heat3", "to 10 times it"), ("heat4", "to 100 times"), ("heat5", "more"), ("heat6", "not finite"),
        ),
        caption=f"{told[0].upper()}{told[1:]}{pooled}. Dots: over the tolerance.",
        alternative=f"{told}; largest {rough(_largest(values))}, tolerance {r}",
    )  # fmt: skip


def _pool(
    values: list[list[float]], labels: list[str], most: int, by_row: bool
) -> tuple[list[list[float]], list[str], int]:
    """Merge neighbouring rows (or columns) by their largest until there are few enough."""
    count = len(values) if by_row else len(values[0])
    each = -(-count // most)
    if each == 1:
        return values, labels, 1
    if by_row:
        merged = [[max(column) for column in zip(*values[i : i + each], strict=True)] for i in range(0, count, each)]
        return merged, labels[::each], each
    return [[max(row[i : i + each]) for i in range(0, count, each)] for row in values], labels, each


def _level(size: float, limit: float) -> int:
    if not math.isfinite(size):
        return 6
    for level, bound in enumerate((0.0, limit / 100, limit, limit * 10, limit * 100)):
        if size <= bound:
            return level
    return 5


def _levels(grid: list[list[int]], cell: float, high: float, left: float) -> tuple[Level, ...]:
    """Give one path a level, neighbours in a row merged, so that a map takes kilobytes and not a hundred of them."""
    paths: dict[int, list[str]] = {}
    for i, row in enumerate(grid):
        start = 0
        for j in range(1, len(row) + 1):
            if j == len(row) or row[j] != row[start]:
                wide = (j - start) * cell
                paths.setdefault(row[start], []).append(
                    f"M{left + start * cell:g} {i * high:g}h{wide:g}v{high:g}h-{wide:g}z"
                )
                start = j
    return tuple(Level(f"heat{level}", "".join(paths[level])) for level in sorted(paths))


def _dots(cells: Iterable[tuple[int, int]], cell: float, high: float, left: float) -> str:
    return "".join(f"M{left + (j + 0.5) * cell:g} {(i + 0.5) * high:g}h0" for i, j in cells)


def _column_ticks(columns: int, cell: float, left: float, each: int) -> tuple[tuple[float, str], ...]:
    step = next(step for step in (1, 5, 10, 20, 50, 100) if columns / step * 26 <= columns * cell or step == 100)
    return tuple((round(left + (j + 0.5) * cell, 1), str(j * each)) for j in range(0, columns, step))


def causality_map(data: Any, limit: float) -> Map | None:
    """Lay out which logits moved when a token was changed: none before it by more than limit, all from it on."""
    if not isinstance(data, dict) or (values := _matrix(data.get("values"))) is None:
        return None
    rows, columns = len(values), len(values[0])
    if rows > MOST_ROWS or columns > MOST_COLUMNS or not 0 <= columns - rows <= 1:
        return None
    offset = columns - rows  # a map of T - 1 rows starts at position 1: nothing comes before position 0
    kinds = [[_kind(size, j >= i + offset, limit) for j, size in enumerate(row)] for i, row in enumerate(values)]
    leaks = [(i, j) for i, row in enumerate(kinds) for j, kind in enumerate(row) if kind == LEAKS]
    blind = [(i, j) for i, row in enumerate(kinds) for j, kind in enumerate(row) if kind == BLIND]
    cell, left = 16.0, 84.0
    told = "every logit sees what it should and nothing else"
    if leaks or blind:
        told = f"{len(leaks)} logits move with a later token, {len(blind)} ignore an earlier one"
    step = 1 if columns <= 24 else 5
    return Map(
        width=left + columns * cell + 12,
        height=rows * cell + 40,
        left=left,
        grid_w=columns * cell,
        grid_h=rows * cell,
        rows=tuple(Row(str(i + offset) if i % step == 0 else "", i * cell + 12, "", False) for i in range(rows)),
        columns=_column_ticks(columns, cell, left, 1),
        levels=_levels(kinds, cell, cell, left),
        dots=_dots(leaks, cell, cell, left),
        rings=_rings(blind, cell, left),
        x_title="position of the logits",
        y_title="changed from",
        legend=(
            (f"heat{SEES}", "moved, as it may"),
            ("heat0", "did not move"),
            (f"heat{LEAKS}", "moved, and must not"),
        ),
        caption=f"{told[0].upper()}{told[1:]}. Dots: a later token leaks in. Rings: an earlier token is ignored.",
        alternative=told,
    )


def _kind(size: float, may_move: bool, limit: float) -> int:
    if may_move:
        return SEES if size > 0 else BLIND
    return LEAKS if size > limit else UNSEEN


def _rings(cells: Iterable[tuple[int, int]], cell: float, left: float) -> str:
    return "".join(
        f"M{left + (j + 0.5) * cell - 3:g} {(i + 0.5) * cell:g}a3 3 0 1 0 6 0a3 3 0 1 0-6 0" for i, j in cells
    )
