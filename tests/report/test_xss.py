"""Each payload of xss.toml, in every field that a submission controls, is shown by every output and obeyed by none."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cards
import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page

from grader import terminal
from grader.models import Outcome, Scorecard
from grader.report import gradescope, html, junit, notes, summary, table

GROUPS: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "xss.toml").read_text(encoding="utf-8"))
PAYLOADS = [payload for group in GROUPS.values() for payload in group]
ACTS = re.compile(r"<(?:script|img|svg|iframe|style|link|meta|base|form|a|video|body|details)\b", re.I)


FIELDS = ("name", "digest", "kit")
RUN_FIELDS = ("sandbox", "started_at", "rubric_digest", "machine", "image", "only")


def hostile(payload: str) -> list[Scorecard]:
    """The payload in every field of a submission that was graded, one that was rejected, and one that we failed."""
    graded = cards.hostile(payload)
    graded = graded.model_copy(update={"criteria": (graded.criteria[0], graded.criteria[-1])})
    bare = graded.model_copy(update={"criteria": ()})
    return [
        graded,
        bare.model_copy(update={"outcome": Outcome.rejected, "score": 0.0}),
        bare.model_copy(update={"outcome": Outcome.harness_error, "score": None}),
    ]


def together(payloads: list[str]) -> Scorecard:
    """Several payloads on one page: each in every field of one criterion, in turn in the fields there is one of."""
    first = cards.hostile(payloads[0])
    criteria = tuple(
        cards.hostile(payload).criteria[i].model_copy(update={"id": f"gpt.x{chr(97 + i)}"})
        for i, payload in enumerate(payloads)
    )
    each = {payload: payload for payload in payloads}
    turn = {name: payloads[i % len(payloads)] for i, name in enumerate(FIELDS)}
    submission = first.submission.model_copy(update={"files": tuple(payloads), "refused": each, **turn})
    turn = {name: payloads[i % len(payloads)] for i, name in enumerate(RUN_FIELDS)}
    run = first.run.model_copy(update={"versions": each, "best_effort": tuple(payloads), **turn})
    update = {"criteria": criteria, "submission": submission, "run": run, "output": "\n".join(payloads)}
    return first.model_copy(update=update)


class Opened:
    """One page in a browser that enforces no policy, and what it did."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.path, self.did = page, path, list[str]()
        page.on("request", lambda request: self.did.append(f"asked for {request.url}"))
        page.on("pageerror", lambda error: self.did.append(f"failed: {error}"))
        page.on("popup", lambda other: self.did.append("opened a window"))
        page.on("dialog", self.close_dialog)

    def close_dialog(self, dialog: object) -> None:
        self.did.append("opened a dialog")
        dialog.dismiss()  # type: ignore[attr-defined]

    def open(self, text: str) -> list[str]:
        """Write the page and open it; give what it did beyond being there."""
        self.path.write_text(text, encoding="utf-8")
        self.did.clear()
        self.page.goto(self.path.as_uri())
        found = self.page.evaluate(
            """async (marker) => {
                document.querySelectorAll('details').forEach((item) => { item.open = true; });
                for (const item of document.querySelectorAll('a, button, input, summary, code, pre')) {
                    item.dispatchEvent(new Event('mouseover', {bubbles: true}));
                    item.dispatchEvent(new Event('focus'));
                }
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 10)));
                const found = window[marker] === undefined ? [] : ['ran a script'];
                for (const item of document.querySelectorAll('*')) {
                    for (const attribute of item.attributes) {
                        if (attribute.name.startsWith('on')) found.push('has ' + attribute.name);
                    }
                    if (item.tagName === 'A' && !['file:', ''].includes(item.protocol)) found.push(item.href);
                }
                return found;
            }""",
            cards.MARKER,
        )
        here = self.path.as_uri()
        return [*found, *(what for what in self.did if what != f"asked for {here}")]


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    context = browser.new_context(bypass_csp=True)  # the policy would hide what escaping missed
    yield Opened(context.new_page(), tmp_path_factory.mktemp("xss") / "page.html")
    context.close()


@pytest.mark.browser
def test_the_payloads_act_where_nobody_escapes_them(opened: Opened) -> None:
    """The corpus has teeth, and the browser of this test notices what they do."""
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 60
    acted = 0
    for payload in [*GROUPS["handlers"], *GROUPS["svg"]]:
        try:
            acted += bool(opened.open(f"<!doctype html><body><p>{payload}</p>"))
        except Exception:  # it led away from the page
            acted += 1
    assert acted >= 15


@pytest.mark.browser
@pytest.mark.parametrize("group", GROUPS)
def test_no_payload_acts_in_a_page(group: str, opened: Opened) -> None:
    """No dialog, no script of theirs, no request, no navigation, no handler: in the report and in the index."""
    payloads = GROUPS[group]
    some = [payloads[at : at + 5] for at in range(0, len(payloads), 5)]
    pages = [html.render_report(together(turn), cards.rubric()) for turn in some]
    pages.append(html.render_index([card for payload in payloads for card in hostile(payload)], cards.rubric()))
    for page in pages:
        assert opened.open(page) == []
        assert opened.page.locator("h1").count() == 1


@pytest.mark.parametrize("group", GROUPS)
def test_no_payload_is_markup_in_any_field(group: str) -> None:
    """Each alone in every field: the page has the elements, attributes and links that it has for an ordinary text."""
    plain = shape([without_notes(card) for card in hostile("an ordinary text")])
    for payload in GROUPS[group]:
        assert shape([without_notes(card) for card in hostile(payload)]) <= plain, payload


def without_notes(card: Scorecard) -> Scorecard:
    return card.model_copy(update={"notes": ""})  # the one field whose markup is wanted: the next test is theirs


@pytest.mark.parametrize("group", GROUPS)
def test_notes_have_the_markup_of_markdown_and_no_other(group: str) -> None:
    """Notes may hold lists, tables and links to the web; no element, attribute or scheme beyond."""
    for payload in GROUPS[group]:
        for tag, key, value in elements(notes.render(payload)):
            assert tag in notes.TAGS and key in ("", "href", "rel", "class", "tabindex", "start"), (tag, key, payload)
            assert key != "href" or value.startswith(("http://", "https://")), payload


def shape(found: list[Scorecard]) -> set[tuple[str, str, str]]:
    """Give the elements of the report and the index with their attributes, and where links lead."""
    pages = [html.render_report(card, cards.rubric()) for card in found]
    pages.append(html.render_index(found, cards.rubric()))
    shapes = set()
    for tag, key, value in (each for page in pages for each in elements(page)):
        leads = "" if key != "href" or re.match(r"#|[\w.%~-]+/report\.html$", value) else value
        shapes.add((tag, key, leads))
    return shapes


def elements(page: str) -> list[tuple[str, str, str]]:
    """Give each attribute of each element as (element, attribute, value), and (element, "", "") for itself."""
    found = []

    class Elements(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend((tag, key, value or "") for key, value in [*attrs, ("", "")])

        handle_startendtag = handle_starttag

    Elements().feed(page)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_no_payload_acts_in_a_file(group: str) -> None:
    """JUnit stays well-formed and of its own elements, CSV without formulas, Markdown without markup, JSON plain."""
    for payload in GROUPS[group]:
        found = hostile(payload)
        root = ElementTree.fromstring(junit.render(found, cards.rubric()).encode())
        assert {element.tag for element in root.iter()} <= {
            "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "system-out",
        }, payload  # fmt: skip
        assert len(root.findall(".//testcase")) == 4 and "forged" not in {case.get("name") for case in root.iter()}
        rows = list(csv.reader(io.StringIO(table.render(found))))
        assert len(rows) == 4 and len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), payload
            assert not cell.strip().startswith(table.FORMULA)
        shown = summary.render(found, cards.rubric())
        page = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(shown)
        assert not ACTS.search(page), payload
        assert page.count("<tr>") == 4 and page.count("<h1>") == 1 and page.count("<h2>") == 3
        lines = shown.splitlines()
        assert not any(line.lstrip().startswith(("::", "##[", "##vso", "##teamcity")) for line in lines), payload
        told = json.loads(gradescope.render(found[:1], cards.rubric()))
        assert {told["output_format"], told["test_output_format"]} == {"text"}


@pytest.mark.parametrize("group", GROUPS)
def test_no_payload_acts_on_a_terminal_or_in_a_log(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One printable line a submission: no escape, no second line, nothing that a CI runner takes for a command."""
    for payload in GROUPS[group]:
        found = hostile(payload)
        for card in found:
            terminal.Lines(1).done(card)
        said = capsys.readouterr().err
        assert said.count("\n") == len(found)
        told = said + terminal.table(found, Path("reports"))
        for char in told.replace("\n", ""):
            assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), (payload, char)
        assert len(told.splitlines()) == 2 * len(found) + 2
        for line in told.splitlines():
            assert "::" not in line and not re.search(r"##(?:\[|\w+\[)", line), payload
