"""What can go wrong, by whose fault. Every message is safe to show: what, which value, what limit, what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class GraderError(Exception):
    """Base of every error that the grader raises on purpose."""


class UsageError(GraderError):
    """A path, option or rubric is wrong: exit status 2, and nothing is graded."""


class HarnessError(GraderError):
    """The harness failed (no engine, full disk, a fault of its own): exit status 3, and no score."""


class SandboxLost(HarnessError):
    """A sandbox ended from outside, or cannot be reached any more: no submission could have done it."""


class Rejected(GraderError):
    """The submission as a whole may not come in (a broken archive, over the caps): a scorecard with score 0."""


def hint(word: str, known: Iterable[str]) -> str:
    """Give the end of a message about a word that nobody knows: the known one that is nearest, if one is near."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
