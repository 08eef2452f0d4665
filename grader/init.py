"""`grader init`: begin a hiring repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.errors import UsageError


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; made if it is not there.")] = Path(),
) -> int:
    """Write a small grader.toml to begin a hiring repository.

    It holds what `grade` and `grader` take where an option is not given, in that folder and in those below it.
    """
    from grader.settings import NAME, TEMPLATE

    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError as error:
        what = "is there already; edit it" if error.filename == str(path) else "is no folder"
        raise UsageError(f"{error.filename} {what}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"{path} is written")
    return 0
