"""`grader kit`: make a starter folder for one candidate."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from grader.errors import UsageError
from grader.fixtures import Positions
from grader.kit import choice, keys


def kit(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make; it must not exist yet, or be empty.")],
    bugs: Annotated[str | None, typer.Option(metavar="A,B", help="Bugs to plant, by id, with commas between.")] = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"How many bugs to draw, 1 to {choice.MOST}; {choice.COUNT} unless given."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Draws the bugs, always the same; random unless given.")
    ] = None,
    positions: Annotated[Positions, typer.Option(help="Position scheme of the checkpoint.")] = "learned",
    keys_file: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help=f"Key file to add to; ${keys.VARIABLE} or one among the user's data unless given.",
        ),
    ] = None,
) -> int:
    """Make a kit: a starter folder with planted bugs. Its key goes into the key file, never into the folder."""
    if bugs is not None and count is not None:
        raise UsageError("--bugs and --count exclude each other; give one of them")
    ids = [name.strip() for name in bugs.split(",") if name.strip()] if bugs is not None else []
    if bugs is not None and not ids:
        raise UsageError("--bugs names no bug; leave it out to draw some")
    path = keys_file or keys.default_path()
    folder = out.resolve()
    if path.resolve().is_relative_to(folder):
        raise UsageError(f"key file {path} would lie in the kit {out}; name another with --keys")
    import torch

    from grader.kit import starter

    torch.set_num_threads(1)  # the models are small: threads wait for each other, for minutes on a busy machine
    starter.check_free(folder)
    made = starter.make(
        seed=secrets.randbelow(2**31) if seed is None else seed,
        positions=positions,
        ids=ids,
        count=choice.COUNT if count is None else count,
        taken=frozenset(keys.read(path)),
    )
    keys.add(path, made.key)  # first: a key without a kit costs nothing, a kit without a key could not be judged
    starter.write(made, folder)
    typer.echo(f"kit {made.key.kit} is in {out}; its key is in {path}")
    return 0
