"""The geometry of one picture: what a cache holds against the tokens in it, beside what smaller ones would take."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from grader.report.draw import real

WIDTH, HEIGHT = 640.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 70.0, 190.0, 14.0, 42.0
PAGE = 16  # tokens
APART = 14.0  # of labels
SIZES = ("batch", "layers", "heads", "head_size", "itemsize")


@dataclass(frozen=True)
class Curve:
    """What one kind of cache takes, with a label at its end."""

    name: str
    style: str
    path: str
    label_y: float


@dataclass(frozen=True)
class Memory:
    """Bytes against tokens, both linear."""

    curves: tuple[Curve, ...]
    pairs: tuple[tuple[float, float], ...]  # measured: what iterating over the cache gives
    held: tuple[tuple[float, float], ...]  # measured: the buffers behind it
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    caption: str
    alternative: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def memory(data: Any) -> Memory | None:
    """Lay out what a cache was measured to hold; None for data of another shape."""
    if not isinstance(data, dict):
        return None
    sizes = [data.get(name) for name in SIZES]
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 < size < 10**4 for size in sizes):
        return None
    lengths, pairs = _whole(data.get("T")), _whole(data.get("bytes"))
    if not lengths or len(pairs) != len(lengths) or sorted(set(lengths)) != lengths or lengths[-1] > 10**6:
        return None
    held = _whole(data.get("held"))
    held = held if len(held) == len(lengths) else []
    batch, layers, heads, head_size, itemsize = (int(size) for size in sizes if size is not None)
    token = 2 * layers * batch * heads * head_size * itemsize
    far = 4 * lengths[-1]
    most = max(token * far, *pairs, *held)

    def x(tokens: float) -> float:
        return round(LEFT + tokens / far * (WIDTH - LEFT - RIGHT), 1)

    def y(size: float) -> float:
        return round(HEIGHT - BOTTOM - size / most * (HEIGHT - TOP - BOTTOM), 1)

    groups = next((heads // share for share in (4, 2) if heads % share == 0 and heads > share), 0)
    kinds = [("2·L·B·H·T·d·bytes", "series1", float(token))]
    if groups:
        kinds.append((f"GQA, {groups} of {heads} K/V heads", "series3", token * groups / heads))
    if itemsize > 1:
        kinds.append(("8-bit values", "series3 square", token / itemsize))
    if heads > 1:
        kinds.append(("MQA, one K/V head", "series3 triangle", token / heads))
    lines = [
        (name, style, f"M{x(0):g} {y(0):g}L{x(far):g} {y(each * far):g}", y(each * far)) for name, style, each in kinds
    ]
    steps = "".join(f"V{y(token * at):g}H{x(min(at, far)):g}" for at in range(PAGE, far + PAGE, PAGE))
    lines.append((f"pages of {PAGE} tokens", "series3", f"M{x(0):g} {y(0):g}{steps}", y(token * far) + APART))
    return Memory(
        curves=tuple(
            Curve(name, style, path, label)
            for (name, style, path, _), label in zip(lines, _apart([at for *_, at in lines]), strict=True)
        ),
        pairs=tuple((x(length), y(size)) for length, size in zip(lengths, pairs, strict=True)),
        held=tuple((x(length), y(size)) for length, size in zip(lengths, held, strict=False)),  # or none
        x_ticks=tuple((x(tokens), f"{tokens:,.0f}") for tokens in (0, far / 4, far / 2, far)),
        y_ticks=tuple((y(most * part / 4), size(most * part / 4)) for part in range(5)),
        caption=_told(lengths, pairs, held, token),
        alternative=f"{_told(lengths, pairs, held, token)} {'; '.join(name for name, *_ in lines)}.",
    )


def size(count: float) -> str:
    """Write a number of bytes."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}" if unit != "bytes" else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"


def _told(lengths: list[int], pairs: list[int], held: list[int], token: int) -> str:
    wanted = token * lengths[-1]
    same = "as 2·L·B·H·T·d·bytes says" if pairs[-1] == wanted else f"where 2·L·B·H·T·d·bytes says {wanted:,}"
    told = f"With {lengths[-1]} tokens the cache's pairs are {pairs[-1]:,} bytes, {same}: {token:,} for each token."
    if held and held[-1] > pairs[-1]:
        told += f" The buffers behind them hold {held[-1]:,}: room for tokens to come."
    elif held and held[-1] < pairs[-1]:
        told += f" The buffers behind them hold {held[-1]:,}: pairs share memory."
    return told


def _whole(data: Any) -> list[int]:
    if not isinstance(data, list) or len(data) > 64:
        return []
    found = [int(value) for item in data if (value := real(item)) is not None and 0 < value < 2**50]
    return found if len(found) == len(data) else []


def _apart(places: list[float]) -> list[float]:
    """Move labels up until none covers another; the lowest stays."""
    order = sorted(range(len(places)), key=places.__getitem__, reverse=True)
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = min(moved[after], moved[before] - APART)
    return [round(place + 4, 1) for place in moved]
