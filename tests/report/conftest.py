"""Scorecards of every kind, and a browser that tells what a page does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cards
import pytest
from playwright.sync_api import Browser, Page

from grader.models import Scorecard

KINDS: dict[str, Callable[[], Scorecard]] = {
    "full": cards.full,
    "partial": cards.partial,
    "part_b": cards.part_b,
    "rejected": cards.rejected,
    "broken": cards.broken,
    "hostile": cards.hostile,
}


@pytest.fixture(params=KINDS)
def card(request: pytest.FixtureRequest) -> Scorecard:
    """A scorecard of each kind in turn."""
    return KINDS[request.param]()


@dataclass
class Visit:
    """A page that was opened from disk, and everything it asked for or complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Write a page to disk and open it; keywords are the browser context's."""
    contexts = []

    def open_page(html: str, fragment: str = "", **settings: Any) -> Visit:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(**settings)
        contexts.append(context)
        found = Visit(context.new_page())
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(f"{path.as_uri()}{fragment}")
        return found

    yield open_page
    for context in contexts:
        context.close()
