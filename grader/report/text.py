"""Text of a submission, made safe to look at: control and bidi characters are shown, not obeyed; long text is cut."""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from grader.intake import BLANK

COMBINING_MAX = 3  # marks on one letter: enough for any language, too few to paint over the lines above


class _Shown(dict[int, str]):
    """What each character is written as; filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if (char.isprintable() and char not in BLANK) or char in "\n\t" else _name(char)
        return self[code]


_SHOWN = _Shown()


def visible(text: str) -> str:
    """Write every character that would act or hide as its name: ESC as [U+001B].

    Line ends and tabs stay. What is given back holds only characters that XML allows.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = text.replace("\r\n", "\n").translate(_SHOWN)
    if not any(map(unicodedata.combining, shown)):
        return shown
    kept: list[str] = []
    marks = 0
    for char in shown:
        marks = marks + 1 if unicodedata.combining(char) else 0
        kept.append(char if marks <= COMBINING_MAX else _name(char))
    return "".join(kept)


def _name(char: str) -> str:
    return f"[U+{ord(char):04X}]"


def one_line(text: str) -> str:
    """Like visible, with line ends and tabs shown too."""
    return visible(text).replace("\n", "↵").replace("\t", "⇥")


@dataclass(frozen=True)
class Cut:
    """Text that fits, and how many characters were left out."""

    text: str
    left_out: int = 0

    @property
    def note(self) -> str:
        if not self.left_out:
            return ""
        return counted(self.left_out, "more character was cut", "more characters were cut")

    def __str__(self) -> str:
        return f"{self.text} … ({self.note})" if self.left_out else self.text


def cut(text: str, most: int) -> Cut:
    """Keep the first `most` characters of a text, fewer where most of them have to be written as numbers."""
    shown = visible(text[:most])
    if most > 40 and len(shown) > 2 * most:
        most = max(1, most // 4)
        shown = visible(text[:most])
    return Cut(shown, max(0, len(text) - most))


def cut_front(text: str, most: int) -> Cut:
    """Keep the last characters: of a traceback, the frames that say what happened."""
    kept = cut(text[-most:], most)
    if kept.left_out:  # it swells: fewer, from the end
        most = max(1, most // 4)
        kept = Cut(visible(text[-most:]))
    return Cut(kept.text, max(0, len(text) - most))


def short(text: str, most: int) -> str:
    """Give text on one line, cut where it is too long, with the size of what was cut."""
    kept = cut(text, most)
    return one_line(str(kept))


def counted(count: int, one: str, several: str = "") -> str:
    """Write a count with its noun: 1 file, 2 files."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def number(value: object) -> str:
    """Write a number with as many digits as a reader needs."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return short(plain(value), 200)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else f"an integer of {value.bit_length()} bits"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    return f"{value:.6g}"


def rough(value: float) -> str:
    """Write a measured size: three digits, and no exponent where a person would use none."""
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.2g}"


def points(value: float) -> str:
    """Write points: 6, 93.5, 66.67."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def worth(value: float, noun: str = "point") -> str:
    """Write points with their noun: 1 point, 2.5 bonus points."""
    return f"{points(value)} {noun}{'' if value == 1 else 's'}"


def seconds(value: float) -> str:
    """Write a duration."""
    if value < 10:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def when(time: str) -> str:
    """Write a time of ours, in ISO 8601, for people: to the minute, in UTC."""
    try:
        moment = datetime.fromisoformat(time)
        # What names no zone is shown as it stands: the page must not depend on the clock of who renders it.
        return short(time, 40) if moment.tzinfo is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return short(time, 40)


def plain(value: Any) -> str:
    """Write JSON data as text; strings stay bare."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError, TypeError):  # nested too deeply, or an integer too long to write
        return "(data that cannot be written as text)"
