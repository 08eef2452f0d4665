"""Exact replacements in source text: how planted bugs and the kit's cuts change the reference."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from pydantic import Field

from grader.errors import HarnessError
from grader.models import Frozen


class Edit(Frozen):
    """A text that must occur exactly once, and what stands there instead."""

    old: str = Field(min_length=1)
    new: str = Field(min_length=1)  # never empty, so that an edit can be taken back

    def reverse(self) -> Edit:
        return Edit(old=self.new, new=self.old)


def locate(text: str, edit: Edit, label: str) -> tuple[int, int]:
    """Give where edit.old starts and ends in text. Raises HarnessError, naming label, unless it occurs exactly once."""
    count = text.count(edit.old)
    if count != 1:
        raise HarnessError(f"{label}: {edit.old!r} occurs {count} times; an edit's old text must occur exactly once")
    start = text.index(edit.old)
    return start, start + len(edit.old)


def lines_of(text: str, edit: Edit, label: str) -> range:
    """Give the numbers of the lines, from 1, that edit touches in text."""
    start, stop = locate(text, edit, label)
    return range(text.count("\n", 0, start) + 1, text.count("\n", 0, stop) + 2)


def replace(text: str, edits: Mapping[str, Edit]) -> str:
    """Make all edits (label -> edit) at once, each found in text as it is now, so that their order cannot matter.

    Raises: HarnessError where an old text does not occur exactly once, or where two edits overlap.
    """
    spans = sorted((*locate(text, edit, label), label) for label, edit in edits.items())
    for (_, stop, label), (start, _, other) in pairwise(spans):
        if start < stop:
            raise HarnessError(f"{label} and {other} change the same text; choose one of them")
    for start, stop, label in reversed(spans):
        text = text[:start] + edits[label].new + text[stop:]
    return text


def reversed_edits(edits: Mapping[str, Edit]) -> dict[str, Edit]:
    """Give the edits that take edits back."""
    return {label: edit.reverse() for label, edit in edits.items()}
