"""What the command line of pytest knows beside its own options."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-attacks",
        action="store_true",
        help="grade the whole hostile corpus with the rubric's own limits, in both sandboxes, and print a table",
    )
    parser.addoption("--attacks", default="*", help="only attacks whose name matches this glob")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--all-attacks"):
        return
    from attacks import DONE

    terminalreporter.section("hostile corpus")
    for run in config.stash.get(DONE, []):
        held = "held" if not run.faults else "BROKEN"
        name = f"{run.attack.group}/{run.attack.name}"
        terminalreporter.line(f"{name:<48} {run.sandbox:<11} {run.outcome:<9} {run.seconds:7.1f} s  {held}")
