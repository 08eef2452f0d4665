"""Text of a submission is shown and never obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.report import text
from grader.report.text import counted, cut, cut_front, number, one_line, plain, points, seconds, short, visible


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain, ünïcode 日本 ✓", "plain, ünïcode 日本 ✓"),
        ("a\u202eb", "a[U+202E]b"),
        ("\x1b[31m\x07", "[U+001B][31m[U+0007]"),
        ("\u200b\ufeff\u00ad", "[U+200B][U+FEFF][U+00AD]"),
        ("\ud800\uffff\u2028", "[U+D800][U+FFFF][U+2028]"),
        ("x\u3164\u2800", "x[U+3164][U+2800]"),
        ("x\u180b\ufe0f\U000e0141", "x[U+180B][U+FE0F][U+E0141]"),
        ("a\r\nb\rc\td", "a\nb[U+000D]c\td"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 5, "e" + "\u0301" * 3 + "[U+0301]" * 2),
    ],
)
def test_what_hides_or_acts_is_written_as_its_number(given_text: str, shown: str) -> None:
    """Control, bidi, invisible, unassigned and stacked characters are named; other text stays as it is."""
    assert visible(given_text) == shown


@given(st.text(st.characters(codec=None), max_size=80))
def test_nothing_invisible_comes_out(anything: str) -> None:
    """Whatever goes in, what comes out is printable, has no bidi controls, can be written as UTF-8, and is stable."""
    shown = visible(anything)
    shown.encode("utf-8")
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown if char not in "\n\t")
    assert visible(shown) == shown
    assert one_line(anything).isprintable()


@given(st.text(max_size=60), st.integers(1, 40))
def test_what_is_cut_is_counted(anything: str, most: int) -> None:
    """A cut text says how many characters are missing, and a text that fits says nothing."""
    kept = cut(anything, most)
    assert kept.left_out == max(0, len(anything) - most)
    assert (kept.note == "") == (len(anything) <= most)
    if kept.left_out:
        assert counted(kept.left_out, "more character was cut", "more characters were cut") in short(anything, most)


def test_text_that_swells_is_cut_earlier() -> None:
    """Characters that are written as numbers take eight times the room; a page of them stays a page."""
    kept = cut("\u202e" * 1000, 400)
    assert len(kept.text) == 800 and kept.left_out == 900


def test_a_traceback_keeps_its_end() -> None:
    """The frame that failed is the last one; what is left out in front is counted."""
    kept = cut_front("first " * 100 + "last", 50)
    assert kept.text.endswith("last") and kept.left_out == 604 - len(kept.text)
    kept = cut_front("\u202e" * 1000 + "last", 400)
    assert kept.text.endswith("last") and kept.left_out == 904


def test_numbers_read_as_a_person_would_write_them() -> None:
    """Points, durations and measured values have no noise digits, and no value is too large or strange to be shown."""
    assert [points(x) for x in (6.0, 93.5, 66.6667, 0.0)] == ["6", "93.5", "66.67", "0"]
    assert [seconds(x) for x in (0.123, 12.34, 200)] == ["0.12 s", "12.3 s", "3 min 20 s"]
    assert [number(x) for x in (1200, 0.731284, 5e-4, float("nan"), True)] == [
        "1,200", "0.731284", "0.0005", "nan", "true",
    ]  # fmt: skip
    assert number(10**6000) == "an integer of 19932 bits"
    assert [counted(n, "file") for n in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]


def test_data_of_any_depth_and_size_can_be_written() -> None:
    """Neither deep nesting nor an integer of thousands of digits stops a report."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert plain(deep) == plain([10**6000]) == "(data that cannot be written as text)"
    while deep:  # taken apart by hand: freeing it at once would recurse as deep
        deep = deep[0]  # type: ignore[assignment]


def test_rough_sizes_keep_three_digits() -> None:
    """A measured size is readable at a glance."""
    assert [text.rough(x) for x in (0.0304, 7.412, 0.0000024)] == ["0.0304", "7.41", "2.4e-06"]
