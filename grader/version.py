"""`--version`: which grader this is, and by which rubric, fixtures and reference it judges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader import __version__


def _show(context: typer.Context, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    typer.echo(f"{context.find_root().info_name} {__version__}\n{digests()}")
    raise typer.Exit()


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_show, is_eager=True, help="Show the version and digests of what is judged by, and exit."
    ),
]


def digests() -> str:
    """Give the digests as lines; that of the rubric is the one that scorecards name."""
    from grader import rubric
    from grader.project import DEFAULT_RUBRIC, FIXTURES, REFERENCE

    lines = {
        "rubric": rubric.digest(rubric.load(DEFAULT_RUBRIC)),
        "fixtures": _digest(FIXTURES),
        "reference": _digest(REFERENCE),
    }
    return "\n".join(f"{name:<9} {digest}" for name, digest in lines.items())


def _digest(folder: Path) -> str:
    """Give sha256:... of the names and bytes of a folder's files, as a submission has it."""
    from grader.submission import digest

    try:
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    except OSError as error:
        return f"cannot be read: {error.filename}: {error.strerror}"
    return digest(files)
