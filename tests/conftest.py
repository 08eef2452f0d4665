"""What the command line of pytest knows beside its own options, and the browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-attacks",
        action="store_true",
        help="grade the whole hostile corpus with the rubric's own limits, in both sandboxes, and print a table",
    )
    parser.addoption("--season", type=int, default=30, help="how many submissions the tests' cluster grades")
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests that look at pages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()
