"""The pages of the desk: the queue, one submission with its review sheet, and short notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from grader.report import colours, html


@dataclass(frozen=True)
class QueueRow:
    """One submission in the queue, as one reviewer may see it."""

    name: str
    score: str
    only: str  # what a partial run covers
    bonus: str
    pending: str
    own: str  # how far the reviewer's own sheet is
    all: str  # how many sheets are in
    tone: str
    todo: bool  # there is something left for this reviewer
    final: str
    refused: str  # why it cannot be reviewed


@dataclass(frozen=True)
class Said:
    """What another reviewer gave for one item."""

    reviewer: str
    mark: str
    comment: str


@dataclass(frozen=True)
class ItemView:
    """One item of the sheet: a form while the sheet is a draft, a comparison when it is in."""

    id: str
    title: str
    scale: int
    anchors: tuple[str, ...]
    mark: int | None  # of one's own draft, or what was settled
    comment: str
    number: int  # of the entry that this shows: what is saved must be typed over it
    said: tuple[Said, ...] = ()
    apart: int = 0
    open: bool = False
    result: str = ""  # the common mark
    settled: str = ""  # by whom and when

    @property
    def verbatim(self) -> Markup:
        """Give the comment for a text field: what was typed comes back as it was typed, whatever it is."""
        return escape(self.comment)


@dataclass(frozen=True)
class Earlier:
    """Marks that were given to other files of the same name."""

    digest: str
    reviewer: str
    marks: tuple[tuple[str, str, str], ...]  # item, mark, comment


@dataclass(frozen=True)
class SheetView:
    """One submission with the review sheet of one reviewer."""

    name: str
    digest: str
    score: str
    only: str  # what a partial run covers
    items: tuple[ItemView, ...]
    handed_in: str  # when
    complete: int
    needed: int
    may_take_back: bool
    final: str
    unsettled: int
    earlier: tuple[Earlier, ...]
    before: str  # the neighbours in the queue
    after: str


def render_queue(rows: Sequence[QueueRow], reviewer: str, csrf: str) -> str:
    """Write the list of submissions."""
    return _page("queue", rows=rows, reviewer=reviewer, csrf=csrf)


def render_sheet(view: SheetView, reviewer: str, csrf: str) -> str:
    """Write the page of one submission."""
    return _page("sheet", view=view, reviewer=reviewer, csrf=csrf)


def render_note(title: str, text: str, onward: str = "") -> str:
    """Write a page that says one thing; onward is the path that a reader is taken to."""
    return _page("note", title=title, text=text, onward=onward)


def style() -> str:
    """Give the style sheet of all pages."""
    return colours.css() + html.source("page.css") + html.source("desk/desk.css")


def script() -> str:
    """Give the script of all pages."""
    return html.source("desk/desk.js")


def _page(name: str, **values: object) -> str:
    return html.environment().get_template(f"desk/{name}.html.j2").render(**values)
