"""A change as a reader sees it: highlighted lines, what stayed the same folded, planted lines pointed out."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from grader.models import DIAGNOSIS, CheckResult, FileChange, PlantedBug, Scorecard
from grader.report.text import short, visible

CONTEXT = 3  # unchanged lines shown around a change


@dataclass(frozen=True)
class Line:
    """One line of a change."""

    sign: str  # " " in both, "-" given, "+" handed in
    old: str  # its number in the base
    new: str  # its number in the submission
    code: Markup
    planted: tuple[PlantedView, ...]  # bugs whose last line this is
    is_planted: bool


@dataclass(frozen=True)
class PlantedView:
    """A planted bug, and what became of it."""

    bug_class: str
    title: str
    changed: bool
    named: bool | None  # None where the diagnosis was not judged
    at: str  # the first of its lines, as an anchor


@dataclass(frozen=True)
class Run:
    """Lines that are shown, or that fold."""

    lines: tuple[Line, ...]
    folded: bool


@dataclass(frozen=True)
class ChangeView:
    """One file."""

    path: str
    base: str
    runs: tuple[Run, ...]
    planted: tuple[PlantedView, ...]
    added: int
    removed: int
    left_out: str
    is_open: bool


def change_views(card: Scorecard, most_characters: int) -> tuple[ChangeView, ...]:
    """Prepare every file of a scorecard's change; beyond most_characters in all, files are named and not shown."""
    named = _named(card)
    views: list[ChangeView] = []
    for change in card.changes:
        change = change.model_copy(update={"lines": tuple(map(_one_line, change.lines))})
        size = sum(map(len, change.lines))
        fits = size <= most_characters
        most_characters -= size if fits else 0
        views.append(_view(change, named, fits, is_open=not views))
    return tuple(views)


def _one_line(line: str) -> str:
    # Made visible before it is highlighted, so that what is highlighted is what a reader sees.
    return line[:1] + visible(line[1:]).replace("\n", "↵")


def _named(card: Scorecard) -> frozenset[str] | None:
    checks: Sequence[CheckResult] = next((c.checks for c in card.criteria if c.id == DIAGNOSIS), ())
    for check in checks:
        hits = check.evidence.get("hits")
        if isinstance(hits, list):
            return frozenset(str(hit) for hit in hits)
    return None


def _view(change: FileChange, named: frozenset[str] | None, fits: bool, is_open: bool) -> ChangeView:
    anchor = f"change-{change.path.removesuffix('.py')}"
    planted = [(bug, _planted(bug, named, f"{anchor}-{number}")) for number, bug in enumerate(change.planted, 1)]
    left_out = change.left_out or ("" if fits else f"{len(change.lines):,} lines; scorecard.json has them")
    lines = _lines(change, planted) if fits else []
    return ChangeView(
        path=change.path,
        base=short(change.base, 200),
        runs=_runs(lines),
        planted=tuple(view for _, view in planted),
        added=sum(line[:1] == "+" for line in change.lines),
        removed=sum(line[:1] == "-" for line in change.lines),
        left_out=short(left_out, 200),
        is_open=is_open,
    )


def _planted(bug: PlantedBug, named: frozenset[str] | None, anchor: str) -> PlantedView:
    return PlantedView(
        bug_class=short(bug.bug_class, 40),
        title=short(bug.title.rstrip("."), 200),
        changed=bug.changed,
        named=None if named is None else bug.bug_class in named,
        at=anchor,
    )


def _lines(change: FileChange, planted: Sequence[tuple[PlantedBug, PlantedView]]) -> list[Line]:
    base = _highlighted([line[1:] for line in change.lines if line[:1] != "+"])
    mine = _highlighted([line[1:] for line in change.lines if line[:1] != "-"])
    last: dict[int, list[PlantedView]] = {}
    for bug, view in planted:
        if bug.lines:
            last.setdefault(max(bug.lines), []).append(view)
    marked = {i for bug, _ in planted for i in bug.lines}
    found: list[Line] = []
    old = new = 0
    for i, text in enumerate(change.lines):
        sign = text[:1]
        old, new = old + (sign != "+"), new + (sign != "-")
        found.append(
            Line(
                sign=sign,
                old=str(old) if sign != "+" else "",
                new=str(new) if sign != "-" else "",
                code=base[old - 1] if sign == "-" else mine[new - 1],
                planted=tuple(last.get(i, ())),
                is_planted=i in marked,
            )
        )
    return found


def _runs(lines: list[Line]) -> tuple[Run, ...]:
    """Fold what is far from every change and every planted line."""
    near = [False] * len(lines)
    for i, line in enumerate(lines):
        if line.sign != " " or line.is_planted:
            for j in range(max(0, i - CONTEXT), min(len(lines), i + CONTEXT + 1)):
                near[j] = True
    runs: list[Run] = []
    start = 0
    for i in range(1, len(lines) + 1):
        if i == len(lines) or near[i] != near[start]:
            # A fold that hides one or two lines takes more room than they do.
            runs.append(Run(tuple(lines[start:i]), folded=not near[start] and i - start > 2))
            start = i
    return tuple(runs)


# --- highlighting -----------------------------------------------------------------------------------------------------

# No alternative can match what another begins with, so a line takes time in proportion to its length. A real parser
# would know more, and deep nesting and clever input have brought down such parsers before.
TOKEN = re.compile(
    r"""(?P<c>\#.*)|(?P<open>\"{3}|'{3})|(?P<s>"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(?P<word>\w+)|[^\w"'\#]+"""
)


def _highlighted(lines: list[str]) -> list[Markup]:
    """Give each line as markup with classes: k keyword, d defined name, s string, c comment."""
    found = []
    closing = ""  # of the text of several lines that the line begins in
    for line in lines:
        parts: list[str] = []
        at, before = 0, ""
        while at < len(line):
            if closing:
                end = line.find(closing, at)
                stop = len(line) if end < 0 else end + len(closing)
                closing = closing if end < 0 else ""
                name = "s"
            else:
                match = TOKEN.match(line, at)
                assert match is not None, line  # the last alternative takes what the others leave
                stop, name, closing = match.end(), match.lastgroup or "", match["open"] or ""
                if closing:
                    name = "s"
                elif name == "word":
                    name = "k" if keyword.iskeyword(match[0]) else "d" if before in ("def", "class") else ""
                    before = match[0]
            text = escape(line[at:stop])
            parts.append(f'<span class="{name}">{text}</span>' if name else str(text))
            at = stop
        found.append(Markup("".join(parts)))
    return found
