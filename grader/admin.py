"""`grader VERB`: everything beside grading. A new verb is one function, here or in its own package, and one line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli import leave, run
from grader.compare.verb import compare
from grader.export.verb import export
from grader.init import init
from grader.kit.verb import kit
from grader.prune import prune
from grader.rescore.verb import rescore
from grader.review.verb import review, serve
from grader.validity.verb import validity
from grader.version import Version

if TYPE_CHECKING:
    from grader.sandbox.doctor import Report

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(compare)
app.command()(init)
app.command()(kit)
app.command()(export)
app.command()(prune)
app.command()(rescore)
app.command()(review)
app.command()(serve)
app.command()(validity)  # verbs' modules import what is heavy when they run, so that --help answers at once


@app.callback()
def grader(version: Version = False) -> None:
    """Kits, reviews, reports, and the machine that grades. To grade, use `grade`.

    Exit status: 0 done, 1 what was checked is not so, 2 usage (nothing was done), 3 the harness failed.
    """


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON, and nothing else there.")] = False,
) -> int:
    """Attack the sandboxes of this machine from inside and say which promises hold. Exit 3 if none can be used."""
    from grader.sandbox import doctor

    reports = doctor.diagnose()
    if as_json:
        print(doctor.as_json(reports))
    else:
        for report in reports:
            _show(report)
    return 0 if any(report.sound for report in reports) else 3


def _show(report: Report) -> None:
    from rich import box
    from rich.table import Table

    from grader import terminal
    from grader.terminal import safe

    console = terminal.console()
    word = "can be used" if report.sound else "cannot be used" if report.fault else "is weak"
    console.print(f"\n{report.sandbox} {word}", style="bold")
    for text in (*report.facts, report.fault, report.advice):
        if text:
            console.print(f"  {safe(text, 2000)}")
    if report.fault:
        return
    table = Table("promise", "how it was tested", "result", box=box.SIMPLE, pad_edge=False)
    styles = {"held": "green", "best effort": "yellow", "broken": "bold red"}
    for found in report.findings:
        said = "; ".join(safe(text, 500) for text in (found.detail, found.advice) if text)
        result = f"{found.result}: {said}" if said else found.result
        name = found.promise if found.required else f"{found.promise} (not required)"
        table.add_row(name, found.tested, result, style="" if found.result == "held" else styles[found.result])
    console.print(table)


@app.command()
def node(
    address: Annotated[str, typer.Argument(help="Of the Dask scheduler, like tcp://10.0.0.1:8786.")],
    sandbox: Annotated[Literal["docker", "bubblewrap"], typer.Option(help="What submissions run in.")] = "docker",
    host: Annotated[
        str | None, typer.Option(metavar="IP", help="Where the others reach this machine.", show_default=False)
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            metavar="N",
            help="Submissions at once; else by processors and memory.",
            show_default=False,
        ),
    ] = None,
    allow_weak_sandbox: Annotated[
        bool, typer.Option("--allow-weak-sandbox", help="Join where the sandbox lacks a required promise.")
    ] = False,
) -> int:
    """Grade for `grade --cluster`: attack this machine's sandbox, then join a Dask cluster as a node, until ended."""
    from grader.cluster import join
    from grader.sandbox import doctor

    report = doctor.examine(sandbox)
    if not report.sound:
        _show(report)
        if report.fault or not allow_weak_sandbox:
            return 3
    join(address, host, sandbox, jobs)
    return 0


@app.command()
def reveal(
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="CODE", help="Code names; all where none is given.", show_default=False),
    ] = None,
) -> int:
    """Say which submissions stand behind the code names of `grade --blind`."""
    from grader import blind
    from grader.errors import UsageError
    from grader.terminal import safe

    names = {code: name for name, code in blind.read(blind.default_path()).items()}
    if not names:
        print(f"no code name was given yet: {blind.default_path()} holds none", file=sys.stderr)
    for code in codes or names:
        if code not in names:
            raise UsageError(
                f"no submission has the code name {code!r} in {blind.default_path()}; `grader reveal` lists all"
            )
        print(f"{code}\t{safe(names[code])}")
    return 0


@app.command()
def image() -> int:
    """Build the image of the docker sandbox now rather than at the first grading."""
    from grader.sandbox import choose
    from grader.terminal import say

    choose("docker").prepare(say)
    print("the sandbox image is there")
    return 0


def main() -> None:
    """Run `grader` and exit with its status."""
    leave(run(app, "grader", sys.argv[1:]))


if __name__ == "__main__":
    main()
