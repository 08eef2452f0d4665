"""The desk in a real browser: from the printed link to a final mark by keyboard, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import folder
import pytest
from axe_playwright_python.sync_playwright import Axe
from clients import Place
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

pytestmark = pytest.mark.browser
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALICE = ("alice", folder.FILES)
# The report keeps its script; Chromium says that it does not run it.
EXPECTED = "Blocked script execution in"


@dataclass
class Visitor:
    """A reviewer's browser, and what it asked for or complained about."""

    page: Page
    context: BrowserContext
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.locator("html[data-ready]").wait_for()  # no person is faster than a page that loads
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)


@pytest.fixture
def visit(desk: Place, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open a reviewer's link; keywords are the browser context's."""
    contexts = []

    def opened(who: str, **settings: Any) -> Visitor:
        context = browser.new_context(**settings)
        context.set_default_timeout(10_000)
        contexts.append(context)
        visitor = Visitor(context.new_page(), context)
        context.on("request", lambda request: visitor.requests.append(request.url))
        context.on("console", lambda message: visitor.complaints.append(message.text))
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.goto(f"http://{desk.host}/enter?token={desk.sessions.invite(who)}")
        visitor.page.wait_for_url(f"http://{desk.host}/")
        return visitor

    yield opened
    for context in contexts:
        context.close()


def draft(visitor: Visitor, *marks: int, says: str = "") -> None:
    """Fill a sheet by keyboard."""
    for mark in marks:
        visitor.press("j", "c")
        visitor.type(says)
        visitor.press("Escape", str(mark))
    expect(visitor.page.locator(".item .state", has_text="Saved")).to_have_count(len(marks))


def hand_in(visitor: Visitor) -> None:
    visitor.press("h")
    expect(visitor.page.get_by_role("dialog", name="Hand in?")).to_be_visible()
    visitor.press("Enter")


def axe(page: Page) -> list[Any]:
    page.evaluate("() => document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [(v["id"], [node["html"][:160] for node in v["nodes"][:3]]) for v in found.response["violations"]]


def test_from_the_printed_link_to_a_final_mark_by_keyboard_alone(desk: Place, visit: Callable[..., Visitor]) -> None:
    """Queue, submission, comments, marks, hand in: no mouse, no manual beyond the keys that `?` shows."""
    visitor = visit("ann")
    page = visitor.page
    visitor.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    visitor.press("Escape", "j", "Enter")
    page.wait_for_url("**/submissions/alice")
    item = page.locator(".item").first
    assert item.locator("textarea").bounding_box()["y"] < item.locator(".marks").bounding_box()["y"]  # comment first
    draft(visitor, 4, 3, 2, says="seen: j and k and 4 are text here")
    hand_in(visitor)
    expect(page.locator(".stage")).to_have_text("Handed in. The marks are in the scorecard and the report.")
    card = desk.store.scorecard("alice")
    assert card.final == 0.7 * 80 + 0.3 * 100 * (1 + 0.75 + 1) / 3
    first = card.reviews[0]
    assert (first.mark, first.comment, first.by) == (4, "seen: j and k and 4 are text here", ("ann",))
    expect(page.locator(".bar")).to_contain_text("83.5 final")
    visitor.press("u")
    page.wait_for_url(f"http://{desk.host}/")
    expect(page.locator("tbody tr").first).to_contain_text("83.5")


def test_nothing_leaves_the_desk_and_nothing_complains(desk: Place, visit: Callable[..., Visitor]) -> None:
    """Every request goes to the desk, and the console is empty but for the report's script, which may not run."""
    visitor = visit("ann")
    visitor.press("j", "Enter")
    visitor.page.wait_for_url("**/submissions/alice")
    draft(visitor, 1, 1, 1)
    visitor.page.wait_for_load_state("networkidle")
    assert {url.split("/")[2] for url in visitor.requests if not url.startswith("data:")} == {desk.host}
    assert [text for text in visitor.complaints if not text.startswith(EXPECTED)] == []
    assert visitor.page.evaluate("() => document.cookie") == ""  # scripts cannot read the session


def test_a_report_runs_nothing_and_cannot_reach_the_desk(desk: Place, visit: Callable[..., Visitor]) -> None:
    """The report is there to be read, links inside it work, and its document is nobody's origin."""
    visitor = visit("ann")
    visitor.page.goto(f"http://{desk.host}/submissions/alice")
    frame = visitor.page.frame_locator("#report")
    expect(frame.locator("h1")).to_have_text("alice")
    inside = visitor.page.frames[1]
    assert not frame.locator("#theme").is_visible()  # its script would show it
    assert inside.evaluate("() => self.origin") == "null"
    alone = visitor.context.new_page()
    alone.goto(f"http://{desk.host}/submissions/alice/report")
    assert alone.evaluate("() => self.origin") == "null"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(desk: Place, visit: Callable[..., Visitor], theme: str) -> None:
    """WCAG 2.2 AA as far as axe can tell: queue, draft, help, question, comparison, refusal, in both themes."""
    desk.book.need(2)
    folder.fill(desk.book, desk.rubric, "ben", 1, 2, 2)
    folder.fill(desk.book, desk.rubric, "ann", 2, 2, 2, digest=folder.OTHER_FILES)
    visitor = visit("ann", color_scheme=theme)
    page = visitor.page
    found = {"queue": axe(page)}
    page.goto(f"http://{desk.host}/submissions/alice")
    page.frame_locator("#report").locator("h1").wait_for()
    found["draft"] = axe(page)
    visitor.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    found["help"] = axe(page)
    visitor.press("Escape", "j")
    draft(visitor, 2, 1, says="x")
    page.locator("#review\\.debugging input[value='4']").check()
    expect(page.locator("#review\\.debugging .state")).to_contain_text("Saved")
    visitor.press("h")
    expect(page.get_by_role("dialog", name="Hand in?")).to_be_visible()
    found["sure"] = axe(page)
    visitor.press("Enter")
    expect(page.locator(".stage")).to_contain_text("2 items are to settle")
    page.frame_locator("#report").locator("h1").wait_for()
    found["comparison"] = axe(page)
    page.goto(f"http://{desk.host}/nowhere")
    found["note"] = axe(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_two_reviewers_settle_by_keyboard(desk: Place, visit: Callable[..., Visitor]) -> None:
    """The second sees nothing of the first until both are in; then one digit and Enter settle a disagreement."""
    desk.book.need(2)
    folder.fill(desk.book, desk.rubric, "ann", 4, 3, 2)
    visitor = visit("ben")
    page = visitor.page
    visitor.press("j", "Enter")
    page.wait_for_url("**/submissions/alice")
    expect(page.locator(".stage")).to_contain_text("1 of 2 is in")
    assert "ann" not in page.locator("main").inner_text().replace("Scan", "")
    draft(visitor, 1, 3, 2)
    hand_in(visitor)
    expect(page.locator("#review\\.debugging .apart")).to_have_text(
        "3 apart. Read the anchors again and settle on one mark."
    )
    visitor.press("j", "3", "Enter")
    expect(page.locator("#review\\.debugging summary")).to_contain_text("Settled at 3 by ben")
    expect(page.locator("#review\\.debugging")).to_be_focused()
    card = desk.store.scorecard("alice")
    assert card.final is not None and (card.reviews[0].mark, card.reviews[0].by) == (3, ("ben",))


def test_what_is_typed_is_saved_without_leaving_the_field(desk: Place, visit: Callable[..., Visitor]) -> None:
    """A pause in typing is enough; and leaving the page at once is enough, too."""
    visitor = visit("ann")
    page = visitor.page
    page.goto(f"http://{desk.host}/submissions/alice")
    visitor.press("j", "c")
    visitor.type("half a sen")
    expect(page.locator("#review\\.debugging .state")).to_contain_text("Saved")
    assert desk.book.review(ALICE).sheet("ann").given["review.debugging"].comment == "half a sen"
    visitor.type("tence")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"http://{desk.host}/")
    page.goto(f"http://{desk.host}/submissions/alice")
    expect(page.locator("#review\\.debugging textarea")).to_have_value("half a sentence")


def test_a_desk_that_does_not_answer_is_told_and_tried_again(desk: Place, visit: Callable[..., Visitor]) -> None:
    """The page says that nothing is saved, keeps the text, and saves it as soon as it can; an answer that was lost on
    the way does not count as another window."""
    visitor = visit("ann")
    page = visitor.page
    page.goto(f"http://{desk.host}/submissions/alice")

    def lost(route: Route) -> None:
        route.fetch()  # it arrives, but the answer does not
        route.abort()

    page.route("**/sheet/*", lost)
    visitor.press("j", "c")
    visitor.type("stubborn")
    state = page.locator("#review\\.debugging .state")
    expect(state).to_contain_text("Not saved: the desk does not answer")
    visitor.type(" text")
    page.unroute("**/sheet/*")
    expect(state).to_contain_text("Saved")
    assert not page.locator("#review\\.debugging .clash").is_visible()
    assert desk.book.review(ALICE).sheet("ann").given["review.debugging"].comment == "stubborn text"


@pytest.mark.parametrize("keep", ["mine", "theirs"])
def test_two_windows_of_one_reviewer_lose_nothing(desk: Place, visit: Callable[..., Visitor], keep: str) -> None:
    """What the other window saved is shown beside what is typed here, and the reviewer chooses."""
    visitor = visit("ann")
    page, other = visitor.page, visitor.context.new_page()
    for window in (page, other):
        window.goto(f"http://{desk.host}/submissions/alice")
    other.locator("#review\\.scan textarea").fill("from the other")
    expect(other.locator("#review\\.scan .state")).to_contain_text("Saved")
    page.locator("#review\\.scan textarea").fill("from here")
    clash = page.locator("#review\\.scan .clash")
    expect(clash).to_contain_text("from the other")
    assert desk.book.review(ALICE).sheet("ann").given["review.scan"].comment == "from the other"
    clash.locator(f".{keep}").click()
    expect(page.locator("#review\\.scan .state")).to_contain_text("Saved")
    expected = "from here" if keep == "mine" else "from the other"
    expect(page.locator("#review\\.scan textarea")).to_have_value(expected)
    assert desk.book.review(ALICE).sheet("ann").given["review.scan"].comment == expected


def test_a_sheet_with_gaps_leads_to_the_first_gap(desk: Place, visit: Callable[..., Visitor]) -> None:
    """Handing in too early says what is missing and goes there."""
    visitor = visit("ann")
    visitor.page.goto(f"http://{desk.host}/submissions/alice")
    draft(visitor, 1)
    visitor.press("h")
    expect(visitor.page.locator("#finish-state")).to_have_text("2 items have no mark yet.")
    expect(visitor.page.locator("#review\\.shapes")).to_be_focused()
    assert not visitor.page.locator("#sure").is_visible()


def test_single_keys_can_be_turned_off(desk: Place, visit: Callable[..., Visitor]) -> None:
    """Who speaks to the browser, or types by mistake, does not mark (WCAG 2.1.4)."""
    visitor = visit("ann")
    page = visitor.page
    page.goto(f"http://{desk.host}/submissions/alice")
    page.locator("#show-help").click()
    page.locator("#keys-on").uncheck()
    visitor.press("Escape")
    page.reload()
    page.locator("#review\\.scan").focus()
    visitor.press("2", "?")
    assert page.locator("input:checked:not(#keys-on)").count() == 0 and not page.locator("#help").is_visible()


def test_the_queue_is_searched_and_narrowed(desk: Place, visit: Callable[..., Visitor]) -> None:
    """By name, and to what is left to do."""
    folder.fill(desk.book, desk.rubric, "ann", 1, 1, 1)
    visitor = visit("ann")
    page = visitor.page
    visitor.press("/")
    visitor.type("o")
    assert page.locator("tbody tr:visible th").all_inner_texts() == ["bob", "torn"]
    expect(page.locator("#count")).to_have_text("2 of 3 submissions")
    page.locator("#search").fill("")
    page.locator("#todo").check()
    assert page.locator("tbody tr:visible th").all_inner_texts() == ["bob"]


@pytest.mark.parametrize("path", ["/", "/submissions/alice"])
def test_nothing_is_wider_than_a_small_screen(desk: Place, visit: Callable[..., Visitor], path: str) -> None:
    """At 390 pixels the page scrolls down only."""
    page = visit("ann", viewport={"width": 390, "height": 800}).page
    page.goto(f"http://{desk.host}{path}")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
