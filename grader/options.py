"""Options that several commands have. Not given is None: then grader.toml says it, else the default in the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The folder of reports.  [default: reports]", show_default=False),
]
RubricFile = Annotated[
    Path | None,
    typer.Option(
        "--rubric", metavar="FILE", help="The rubric.  [default: rubrics/minigpt-matmul.toml]", show_default=False
    ),
]
