"""The way back: what a kit's minigpt.py is without its bugs and cuts."""

from __future__ import annotations

from collections.abc import Iterable

from grader.kit import cuts
from grader.kit.bugs import Bug
from grader.kit.edits import replace, reversed_edits


def restore(text: str, bugs: Iterable[Bug]) -> str:
    """Take bugs and cuts back: from a kit's minigpt.py to the reference."""
    repaired = replace(text, reversed_edits({bug.id: bug.kit_edit for bug in bugs}))
    return replace(repaired, reversed_edits(cuts.cuts()))
