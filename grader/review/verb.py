"""`grader review` and `grader serve`: marks of people, asked for in a terminal or in a browser."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from grader.errors import UsageError
from grader.options import Out, RubricFile

MOST_REVIEWERS = 20
Needed = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_REVIEWERS,
        metavar="N",
        help="Reviewers that a final mark needs; remembered for this folder.",
        show_default=False,
    ),
]


def review(
    name: Annotated[str, typer.Argument(help="The submission, as its folder in the reports is called.")],
    out: Out = None,
    reviewer: Annotated[
        str | None, typer.Option(metavar="WHO", help="Who gives the marks; else the user of this machine.")
    ] = None,
    needed: Needed = None,
    rubric: RubricFile = None,
) -> int:
    """Ask for the marks of one submission. What was given is kept at once, so Ctrl-C loses nothing."""
    from grader import rubric as rubrics
    from grader import settings
    from grader.review import interview
    from grader.review.book import Book, check_reviewer

    who = check_reviewer(reviewer or getpass.getuser())
    said = settings.load()
    lines = rubrics.load(rubric or said.rubric)
    book = Book(_folder(out or said.out))
    if needed is not None:
        book.need(needed)
    return interview.hold(book, lines, name, who)


def serve(
    out: Out = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(metavar="WHO", help="A reviewer; give it once for each. Else the user of this machine."),
    ] = None,
    needed: Needed = None,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="On 127.0.0.1; 0 takes a free one.")] = 0,
    rubric: RubricFile = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="Code names instead of names; `grader reveal` maps back.")
    ] = False,
) -> int:
    """Open the desk: reports and review sheets in the browser, on this machine only, by the link that is printed."""
    from grader import rubric as rubrics
    from grader import settings
    from grader.blind import default_path
    from grader.review.book import Book, check_reviewer

    try:
        from grader.review.desk import server
    except ImportError:
        raise UsageError("grader serve needs the extra: pip install 'ml-screen-grader[server]'") from None

    reviewers = [check_reviewer(who) for who in reviewer or [getpass.getuser()]]
    if len({who.casefold() for who in reviewers}) < len(reviewers):
        raise UsageError(f"two reviewers have one name: {', '.join(reviewers)}; give each a name of their own")
    if len(reviewers) > MOST_REVIEWERS:
        raise UsageError(f"{len(reviewers)} reviewers; one desk has room for {MOST_REVIEWERS}")
    said = settings.load()
    lines = rubrics.load(rubric or said.rubric)
    book = Book(_folder(out or said.out))
    if needed is None and len(reviewers) > 1:
        needed = max(2, book.needed())
    if needed is not None and needed != book.needed():
        book.need(needed)
    return server.run(book, lines, reviewers, port, default_path() if blind else None)


def _folder(out: Path) -> Path:
    if not out.is_dir():
        raise UsageError(f"--out {out} is no folder of reports; `grade` makes one")
    return out
