"""`grader export`: the grader, packed for another platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.options import RubricFile


def export(
    what: Annotated[Literal["gradescope-autograder"], typer.Argument(help="What to make.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .zip to write.")] = Path("autograder.zip"),
    rubric: RubricFile = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keys of the kits, for diagnosis.bugs.", show_default=False)
    ] = None,
) -> int:
    """Pack the grader for another platform: a Gradescope autograder."""
    from grader import rubric as rubrics
    from grader import settings
    from grader.errors import UsageError
    from grader.export import gradescope
    from grader.store import write

    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file")
    rubric = rubric or settings.load().rubric
    rubrics.load(rubric)
    data = gradescope.bundle(rubric, keys)
    write(out, data)
    print(f"{out}: {what}, {len(data) / 2**20:.1f} MiB; docs/pipelines.md says how to upload it")
    return 0
