"""`grader validity`: grade the corpus and say where the grader was wrong."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.options import RubricFile
from grader.project import DATA, DEFAULT_RUBRIC


def validity(
    corpus: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folders named by outcome.  [default: tests/corpus of a checkout]", show_default=False
        ),
    ] = DATA / "tests" / "corpus",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where validity.html, .json and .md go.")] = Path(
        "reports/validity"
    ),
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds to grade every entry with.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The first seed; else random.", show_default=False)
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Entries at once.")] = 2,
    match: Annotated[str, typer.Option(metavar="GLOB", help="Only entries whose name matches.")] = "*",
    every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of the wrong entries, only the core and each Nth other.")
    ] = 1,
    sandbox: Annotated[Literal["auto", "docker", "bubblewrap"], typer.Option(help="As for `grade`.")] = "auto",
    rubric: RubricFile = None,
) -> int:
    """Grade a corpus with known truth; exit 1 on any surprise."""
    from fnmatch import fnmatch

    from rich.console import Console

    from grader import batch, scratch
    from grader.errors import UsageError
    from grader.models import Job, Scorecard
    from grader.report.html import render_validity
    from grader.rubric import digest, load
    from grader.sandbox import choose
    from grader.store import write
    from grader.validity import corpus as entries_of
    from grader.validity import page
    from grader.validity.measure import measure

    console = Console(stderr=True, soft_wrap=True)
    entries = [entry for entry in entries_of.load(corpus) if fnmatch(entry.name, match)]
    entries = entries_of.quick(entries, every)
    if not entries:
        raise UsageError(f"no entry of {corpus} has a name that matches {match!r}")
    lines = load(rubric or DEFAULT_RUBRIC)
    first = secrets.randbelow(2**31) if seed is None else seed
    backend = choose(sandbox)
    backend.prepare(lambda text: console.print(text, highlight=False))
    started = time.monotonic()
    cards: dict[tuple[str, int], Scorecard] = {}
    scratch.sweep()
    folder = scratch.folder()  # gone with this process, or with the next that starts where this one is killed
    submissions = {submission.name: submission for submission in entries_of.together(entries)}
    for submission in submissions.values():
        submission.lay(folder / submission.name)
    todo = [
        Job(
            path=str(folder / name), name=name, rubric=lines, rubric_digest=digest(lines),
            sandbox=backend.name, seed=one, only=submission.scope,
        )
        for one in range(first, first + seeds)
        for name, submission in submissions.items()
    ]  # fmt: skip
    done = 0
    for item in batch.run(todo, jobs):
        if isinstance(item, Scorecard):
            done += 1
            for entry in submissions[item.submission.name].entries:
                cards[entry.name, item.run.seed] = item
            lost = [line.id for line in item.criteria if not line.verdict.is_fine]
            console.print(
                f"{done}/{len(todo)} {item.submission.name}, {item.run.duration_s:.1f} s: "
                f"{', '.join(lost) or 'all accepted'}",
                highlight=False,
            )
    result = measure(entries, cards, time.monotonic() - started)
    out.mkdir(parents=True, exist_ok=True)
    write(out / "validity.json", json.dumps(result.model_dump(mode="json"), indent=1))
    write(out / "validity.html", render_validity(entries, result))
    write(out / "validity.md", page.render(entries, result, first, seeds))
    say = Console(highlight=False, soft_wrap=True)
    say.print(f"sensitivity {result.sensitivity}\nspecificity {result.specificity}")
    for criterion, rate in result.detection.items():
        sole = len(result.sole_criterion.get(criterion, ()))
        say.print(f"  {criterion:18} catches {rate.hits} of {rate.of}" + (f", {sole} of them alone" if sole else ""))
    idle = sorted(set(result.checks) - set(result.sole_check))
    say.print(f"checks without which nothing here would be missed: {', '.join(idle) or 'none'}")
    for name, why in result.broken.items():
        say.print(f"BROKEN {name}: {why}", markup=False)
    for cell in result.surprises:
        say.print(
            f"SURPRISE {cell.entry} seed {cell.seed} {cell.criterion}: {cell.verdict.value}, expected {cell.want}",
            markup=False,
        )
    say.print(f"{len(entries)} entries, {seeds} seeds from {first}, {result.seconds:.0f} s; {out / 'validity.html'}")
    return 0 if result.sound else 1
