"""Pictures are right where their data is, and absent where it is not; no evidence stops a report."""

from __future__ import annotations

import itertools
import re
from typing import Any

import cards
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.models import CheckResult, Verdict
from grader.report import colours, draw, html, maps, memory

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = {
    "tokens": ("prompt", "expected", "actual", "first_wrong", "top2"),
    "cost": ("T", "cached_ms", "uncached_ms", "reference_ms", "unit"),
    "layer_map": ("layers", "values", "first"),
    "causality_map": ("values",),
    "gradient_map": ("operand", "values"),
    "cache_memory": ("T", "bytes", "held", "batch", "layers", "heads", "head_size", "itemsize"),
    "error": ("type", "message", "file", "line", "traceback"),
}
SCALARS = (
    *("expected", "actual", "max_abs_diff", "atol", "first_divergence", "detail"),
    *("ratio", "interval", "threshold", "measured", "pairs"),
)
MATRIX = st.lists(st.lists(st.floats() | st.text(max_size=3), min_size=1, max_size=3), max_size=3)


def near_miss(keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(keys, JSON | MATRIX))


EVIDENCE = st.fixed_dictionaries({}, optional={k: near_miss(v) for k, v in KEYS.items()} | dict.fromkeys(SCALARS, JSON))


@settings(max_examples=150, deadline=None)
@given(EVIDENCE)
def test_no_evidence_stops_a_report(evidence: dict[str, Any]) -> None:
    """Evidence of any shape gives a report, since it is made of what a submission answered."""
    check = CheckResult.model_construct(
        id="any", verdict=Verdict.wrong_answer, message="", evidence=evidence, duration_s=0.0
    )
    card = cards.full()
    criterion = card.criteria[0].model_copy(update={"verdict": Verdict.wrong_answer, "checks": (check,)})
    assert "gpt.load" in html.render_report(card.model_copy(update={"criteria": (criterion,)}), cards.rubric())


def test_the_strip_marks_the_first_wrong_token_and_shows_its_band() -> None:
    """The reader sees where text went wrong, also when that is far from the start."""
    expected = "abcdefghij" * 60
    actual = expected[:400] + "X" + expected[401:]
    found = draw.strip({"expected": expected, "actual": actual, "top2": [{"token": "X", "logit": 2.0}]})
    assert found is not None and found.first is not None and len(found.wrong) == 1
    assert found.caption.startswith("First wrong token at position 401: expected “a”, generated “X”. 1 of 600")
    assert found.starts[0][0] <= 401 <= found.starts[-1][0] + draw.COLUMNS
    for row in (*found.expected, *found.actual):
        assert len(row.text) == len(row.xs.split())


def test_the_strip_keeps_one_cell_for_each_token_whatever_it_is() -> None:
    """Wide, astral, combining, control and bidi characters cannot push the strip out of line."""
    found = draw.strip({"expected": "a" * 8, "actual": "\U0001f600\u202e\u0301\x00日\nb "})
    assert found is not None
    assert found.actual[0].text == "▯▯▯▯▯↵b"
    assert len(found.actual[0].xs.split()) == 7  # the space is left out: SVG would swallow it


def test_a_shorter_text_is_wrong_where_it_ends() -> None:
    """Text that stops early is not taken for right."""
    found = draw.strip({"expected": "abcd", "actual": "ab"})
    assert found is not None and "position 3" in found.caption and "generated the end" in found.caption


def test_the_cost_plot_tells_growth_in_words_too() -> None:
    """Who cannot see the plot reads by how much each series grew."""
    found = draw.cost(cards.cost())
    assert found is not None
    assert [line.name for line in found.lines] == ["recompute", "cached step", "reference, cached"]
    assert found.alternative.startswith("T grows 15x. recompute: 47.9 ms at 960, 19.2x the time at 64")
    assert found.caption.startswith("T grows 15x. ") and "47.9" not in found.caption
    labels = sorted(line.label_y for line in found.lines)
    assert all(b - a >= 29.9 for a, b in itertools.pairwise(labels))


@pytest.mark.parametrize(
    ("place", "title"),
    [("index [1, 2]", "row"), ("index [0, 1, 2]", "batch x row"), (None, "row, flattened"), ([1], "row, flattened")],
)
def test_rows_of_a_gradient_are_named_as_far_as_is_known(place: Any, title: str) -> None:
    """A batch's rows lie under one another, and are not those of a matrix."""
    found = maps.gradient_map({"operand": "A", "values": [[1.0]]}, 1e-3, place)
    assert found is not None and found.y_title == title


@pytest.mark.parametrize(
    "data", [{"T": [1, 1]}, {"T": [2, 1]}, {"T": [1, 2], "cached_ms": [0, 1]}, {"T": [1]}, [], None]
)
def test_a_cost_that_cannot_be_drawn_is_not(data: Any) -> None:
    """A plot needs lengths that grow and times above zero."""
    assert draw.cost(data) is None


@pytest.mark.parametrize(
    ("ends", "within"), [([0.1, 0.15], True), ([0.1, 0.3], None), ([0.12, 0.13], True), ([0.05, 0.2], None)]
)
def test_an_interval_that_straddles_the_limit_is_neither(ends: list[float], within: bool | None) -> None:
    """The picture never says passed or failed where the measurement does not."""
    found = draw.interval({"ratio": 0.125, "interval": ends, "threshold": 0.2})
    assert found is not None and found.within is within


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"measured": "median", "pairs": 5}, "Ratio 0.125, the median of 5 paired ratios, 95 % interval 0.1 to 0.15."),
        ({"measured": "median", "pairs": 2}, "Ratio 0.125, the median of 2 paired ratios, which are 0.1 to 0.15."),
        (
            {"measured": "largest", "pairs": 6},
            "Ratio 0.125, the largest of 6 ratios, one of each kind of work; far below the limit, so each was measured "
            "once. Range 0.1 to 0.15.",
        ),
        ({"measured": "largest", "pairs": 10**400}, "Ratio 0.125, range 0.1 to 0.15."),
        ({}, "Ratio 0.125, range 0.1 to 0.15."),
    ],
)
def test_a_ratio_says_how_it_was_measured(how: dict[str, Any], told: str) -> None:
    """Nobody reads the range of single measurements as an interval of confidence; nor one that is not said to be."""
    found = draw.interval({"ratio": 0.125, "interval": [0.1, 0.15], "threshold": 0.2, **how})
    assert found is not None and found.text == told


def test_the_layer_map_names_the_first_module_that_diverges() -> None:
    """The first module over the tolerance is marked, cells over it have a dot, and non-finite ones a colour."""
    found = maps.layer_map(cards.layers("blocks.1.attn.proj"), 5e-4)
    assert found is not None
    assert [row.label for row in found.rows if row.first] == ["blocks.1.attn.proj"]
    assert found.caption.startswith("First module to differ: blocks.1.attn.proj, first at position 1.")
    small = maps.layer_map({"layers": ["a", "b"], "values": [[0.0, 1e-6], ["nan", 1.0]], "first": "b"}, 1e-3)
    assert small is not None
    assert [level.colour for level in small.levels] == ["heat0", "heat1", "heat5", "heat6"]
    assert small.dots.count("M") == 2 and small.rows[1].note == "not finite"


def test_large_maps_are_pooled_and_say_so() -> None:
    """A map of any size stays a few kilobytes; one wrong cell is not averaged away."""
    values = [[0.0] * 1000 for _ in range(1000)]
    values[999][999] = 1.0
    found = maps.gradient_map({"operand": "A", "values": values}, 1e-10)
    assert found is not None
    assert len(found.rows) <= maps.MOST_ROWS and found.dots.count("M") == 1
    assert "one cell is the largest of 16 x 11" in found.caption


def test_there_is_room_for_every_word_of_a_picture() -> None:
    """The title of the rows stands left of the grid, and what marks the first wrong token under the last band."""
    found = maps.gradient_map({"operand": "A", "values": [[1.0], [1.0]]}, 1e-10)
    assert found is not None and found.left > 16 + 6.5 * len(found.y_title)
    strip = draw.strip({"expected": "a", "actual": "b"})
    assert strip is not None and strip.first is not None
    assert strip.width > 160 and strip.height >= strip.first[1] + 55 + 4  # a descender below the words


def test_the_causality_map_tells_leaks_from_blindness() -> None:
    """A later token that leaks in and an earlier one that is ignored are two findings with two signs."""
    good, leak = maps.causality_map(cards.causality(), 1e-5), maps.causality_map(cards.causality(leak=True), 1e-5)
    blind = maps.causality_map(cards.causality(blind=True), 1e-5)
    assert good is not None and leak is not None and blind is not None
    assert "every logit sees what it should" in good.alternative and not good.dots and not good.rings
    assert leak.dots.count("M") == 19 and not leak.rings
    assert blind.rings and not blind.dots


def test_the_memory_picture_says_what_the_formula_says() -> None:
    """An interviewer reads this model's own number of bytes a token, and whether buffers hold more."""
    drawn = memory.memory(cards.MEMORY)
    assert drawn is not None
    assert "23,040 bytes, as 2·L·B·H·T·d·bytes says: 1,920 for each token" in drawn.caption
    assert "hold 26,880: room for tokens to come" in drawn.caption
    assert [curve.name for curve in drawn.curves][1:3] == ["GQA, 2 of 4 K/V heads", "8-bit values"]
    twice = {**cards.MEMORY, "bytes": [2, 2, 46080], "held": [1, 1, 23040]}
    told = memory.memory(twice)
    assert told is not None and "says 23,040" in told.caption and "pairs share memory" in told.caption


@pytest.mark.parametrize(
    "change",
    [
        {"heads": 0},
        {"T": []},
        {"T": [3, 2, 1]},
        {"bytes": [1]},
        {"itemsize": "4"},
        {"T": [1, 2, 2**60]},
        {"layers": 1e9},
    ],
)
def test_memory_that_cannot_be_drawn_is_not(change: dict[str, Any]) -> None:
    """Numbers come from a submission's process: other shapes draw nothing."""
    assert memory.memory({**cards.MEMORY, **change}) is None


def test_numbers_in_attributes_are_short() -> None:
    """No picture carries digits that no eye sees: reports stay small, and the same on every machine."""
    page = html.render_report(cards.partial(), cards.rubric())
    numbers = re.findall(r' (?:x|y|width|height|x1|cx|d)="[^"]*?(\d+\.\d{4,})', page)
    assert not numbers


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [colours.LIGHT, colours.DARK], ids=["light", "dark"])
def test_colours_have_the_contrast_of_wcag_aa(theme: dict[str, str]) -> None:
    """Text keeps 4.5:1 on every ground it stands on, and lines that carry meaning keep 3:1."""
    for name in ("ink", "muted", "link", "pass", "fail", "warn", "none", "series1", "series2", "series3"):
        for ground in ("ground", "panel"):
            assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)
    for tone in ("pass", "fail", "warn", "none"):
        assert contrast(theme[tone], theme[f"{tone}-soft"]) >= 4.5, tone
        assert contrast(theme["ink"], theme[f"{tone}-soft"]) >= 4.5, tone
    assert contrast(theme["edge"], theme["ground"]) >= 3
    for inside in ("heat0", "heat1", "heat2"):
        for outside in ("heat4", "heat5", "heat6"):
            assert contrast(theme[inside], theme[outside]) >= 1.5, (inside, outside)
