"""`grader VERB`: everything beside grading. A new verb is one function, here or in its own package, and one line."""

from __future__ import annotations

import sys

import typer

from grader.cli import run
from grader.kit.verb import kit
from grader.validity.verb import validity

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(kit)
app.command()(validity)  # verbs' modules import what is heavy when they run, so that --help answers at once


@app.callback()
def grader() -> None:
    """Look after the grader: check this machine, build what it needs. To grade, use `grade`."""


@app.command()
def doctor() -> int:
    """Say which sandboxes work here, which limits hold, and what to do about the rest. Exit 3 if none works."""
    from grader.sandbox.doctor import diagnose
    from grader.terminal import safe

    reports = diagnose()
    for report in reports:
        print(f"{report.sandbox}: {'works' if report.works else 'does not work'}")
        for finding in report.findings:
            print(f"  [{'ok' if finding.ok else '!!'}] {safe(finding.text)}")
            if finding.advice:
                print(f"       {safe(finding.advice)}")
    return 0 if any(report.works for report in reports) else 3


@app.command()
def image() -> int:
    """Build the image of the docker sandbox now rather than at the first grading."""
    from grader.sandbox import choose
    from grader.terminal import safe

    choose("docker").prepare(lambda text: print(safe(text), file=sys.stderr, flush=True))
    print("the sandbox image is there")
    return 0


def main() -> None:
    """Run `grader` and exit with its status."""
    sys.exit(run(app, "grader", sys.argv[1:]))


if __name__ == "__main__":
    main()
