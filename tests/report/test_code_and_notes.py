"""The change and the notes as a reader sees them: all of it, in the right colours, and nothing of it obeyed."""

from __future__ import annotations

import re
import time

import cards
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from grader.models import FileChange
from grader.report import code, html, notes


def shown(*lines: str) -> list[code.Line]:
    card = cards.full().model_copy(update={"changes": (FileChange(path="minigpt.py", base="b", lines=lines),)})
    [view] = code.change_views(card, 10**6)
    return [line for run in view.runs for line in run.lines]


def test_lines_are_numbered_on_their_own_side() -> None:
    """A reader finds a line of either file by its number."""
    found = shown(" a", "-b", "+c", "+d", " e")
    assert [(line.sign, line.old, line.new) for line in found] == [
        (" ", "1", "1"), ("-", "2", ""), ("+", "", "2"), ("+", "", "3"), (" ", "3", "4"),
    ]  # fmt: skip


def test_what_is_far_from_a_change_folds() -> None:
    """A reader sees each change with three lines around it; the rest is one click away, and all of it is there."""
    lines = [f" {i}" for i in range(30)]
    lines[15] = "+x"
    card = cards.full().model_copy(update={"changes": (FileChange(path="p", base="b", lines=tuple(lines)),)})
    [view] = code.change_views(card, 10**6)
    assert [(run.folded, len(run.lines)) for run in view.runs] == [(True, 12), (False, 7), (True, 11)]


def test_a_planted_line_says_what_became_of_it() -> None:
    """An interviewer sees at a glance what was found, what stands, and what was named."""
    page = html.render_report(cards.partial(), cards.rubric())
    [table] = re.findall(r'<table class="facts plants">.*?</table>', page, re.S)
    rows = [re.sub(r"<[^>]+>|\s+", " ", row) for row in table.split("<tr>")[1:]]
    assert [re.findall(r"still there|changed|not named|named", row) for row in rows] == [
        ["still there", "not named"],
        ["changed", "named"],
        ["changed", "not named"],
    ]
    for number in (1, 2, 3):
        assert page.count(f'id="change-minigpt-{number}"') == 1 == page.count(f'href="#change-minigpt-{number}"')


def test_highlighting_knows_python() -> None:
    """Keywords, names that are defined, strings over lines and comments are told apart."""
    found = code._highlighted(['def f(x): return "a#b"  # it\'s', "x = '''one", "def two'''; y = 1"])
    assert found == [
        '<span class="k">def</span> <span class="d">f</span>(x): <span class="k">return</span> '
        '<span class="s">&#34;a#b&#34;</span>  <span class="c"># it&#39;s</span>',
        'x = <span class="s">&#39;&#39;&#39;</span><span class="s">one</span>',
        '<span class="s">def two&#39;&#39;&#39;</span>; y = 1',
    ]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n")), max_size=6))
def test_highlighting_changes_no_character(lines: list[str]) -> None:
    """What a reader sees is what was handed in, whatever it is."""
    assert [Markup(line).striptags() == Markup.escape(text).striptags() for line, text in
            zip(code._highlighted(lines), lines, strict=True)] == [True] * len(lines)  # fmt: skip


LONG = 30_000
WASTE = {
    "brackets": "[" * LONG, "images": "![" * LONG, "stars": "**a*" * LONG, "quotes": ">" * LONG, "lists": "- " * LONG,
    "deep lists": "\n".join(" " * i + "- a" for i in range(250)), "cells": "|a|\n|-|\n" + "|\n" * LONG,
    "wide table": "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "|\n" * LONG,
    "ticks": " ".join("`" * i for i in range(240)),
    "bidi": "\u202e" * LONG, "autolinks": "<http://a>" * LONG, "escapes": "\\" * LONG, "references": "[a]: b\n" * LONG,
}  # fmt: skip


@pytest.mark.parametrize("name", WASTE)
def test_no_notes_take_long_or_swell(name: str) -> None:
    """Notes made to waste time cost a second or two, not minutes, and a page does not grow out of bounds."""
    source = WASTE[name][:20_000]
    started = time.process_time()
    made = notes.render(source)
    assert time.process_time() - started < 20 and len(made) < 10 * len(source) + 5000


def test_notes_are_rendered_and_nothing_in_them_acts() -> None:
    """Markdown reads as Markdown; HTML, images and links that are none of the web's stay text."""
    made = notes.render(
        "# Top\n\n<script>x</script> [web](https://e.org/?a=1) [bad](javascript:x) [near](other.html) "
        "![plot](https://e.org/p.png) <img src=x>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nif a < b: pass\n```\n"
    )
    assert "<h3>Top</h3>" in made and "<td>1</td>" in made and "if a &lt; b: pass" in made
    assert made.count("<a ") == 1 and 'rel="noopener noreferrer nofollow"' in made and "leaves this page" in made
    assert "[image: plot]" in made and "&lt;script&gt;" in made
    assert not re.search(r"<(?:script|img)|(?:href|src)=\"(?!https://e\.org/\?a=1\")", made)
