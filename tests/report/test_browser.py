"""In a real browser: nothing leaves the page, nothing complains, everything works without scripts, mouse or colour."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cards
import pytest
from axe_playwright_python.sync_playwright import Axe

from grader.models import Scorecard
from grader.report import html

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pages() -> dict[str, str]:
    everyone = [cards.full(), cards.partial(), cards.rejected(), cards.broken(), cards.hostile(), *cards.many(12)]
    return {
        "full": html.render_report(cards.full(), cards.rubric()),
        "partial": html.render_report(cards.partial(), cards.rubric()),
        "rejected": html.render_report(cards.rejected(), cards.rubric()),
        "index": html.render_index(everyone, cards.rubric()),
    }


PAGES = pages()


def test_nothing_leaves_the_page_and_nothing_runs_that_is_not_ours(card: Scorecard, visit: Callable[..., Any]) -> None:
    """Opened from disk, the page asks for itself only, the console stays empty, and no attack has run."""
    for page in (html.render_report(card, cards.rubric()), html.render_index([card], cards.rubric())):
        found = visit(page)
        found.page.wait_for_timeout(100)
        assert [url for url in found.requests if not url.startswith(("file:", "data:"))] == []
        assert len([url for url in found.requests if url.startswith("file:")]) == 1
        assert found.complaints == []
        assert found.page.evaluate(f"() => window.{cards.MARKER} === undefined")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name: str, theme: str, visit: Callable[..., Any]) -> None:
    """WCAG 2.2 AA, as far as axe can tell, in both themes, with every detail open."""
    found = visit(PAGES[name], color_scheme=theme)
    found.page.evaluate("() => document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    results = Axe().run(found.page, options={"runOnly": {"type": "tag", "values": TAGS}})
    broken = [(v["id"], [node["html"][:160] for node in v["nodes"][:3]]) for v in results.response["violations"]]
    assert broken == []
    assert len(results.response["passes"]) > 15


def test_without_scripts_everything_can_be_read(visit: Callable[..., Any]) -> None:
    """Where scripts are off, failures are open, the rest opens natively, and no dead control is shown."""
    found = visit(PAGES["partial"], java_script_enabled=False)
    page = found.page
    assert page.locator("#gpt\\.logits figure").first.is_visible()
    assert not page.locator("#cache\\.decode .inside").is_visible()
    page.locator("#cache\\.decode > summary").click()
    assert page.locator("#cache\\.decode .inside").is_visible()
    assert page.locator("button:visible, input:visible").count() == 0
    index = visit(PAGES["index"], java_script_enabled=False).page
    assert index.locator("tbody tr:visible").count() == 17
    assert index.locator("button:visible, input:visible, select:visible").count() == 0


def test_an_anchor_opens_what_it_names(visit: Callable[..., Any]) -> None:
    """A link to a folded criterion, sent by mail, arrives at the open criterion."""
    page = visit(PAGES["partial"], "#cache.decode").page
    assert page.locator("#cache\\.decode .inside").is_visible()


def test_filter_and_fold(visit: Callable[..., Any]) -> None:
    """The filter narrows by id, title and verdict, shows what is left and counts it, and hides empty sections."""
    page = visit(PAGES["partial"], viewport={"width": 1200, "height": 500}).page
    count = page.locator(".tools [aria-live]")
    assert count.inner_text() == "" and page.locator("#criteria").bounding_box()["y"] > 500
    page.locator("#find").fill("wrong answer")
    assert page.locator(".criterion:visible").count() == 6 and count.inner_text() == "6 of 29"
    assert 0 < page.locator("#criteria").bounding_box()["y"] < 100
    page.locator("#find").fill("broadcast")
    assert page.locator(".criterion:visible").count() == 1 and page.locator(".group:visible").count() == 1
    page.locator("#find").fill("nothing is called so")
    assert page.locator("#none-left").is_visible()
    page.locator("#find").fill("")
    assert count.inner_text() == ""
    page.locator("#only").check()
    assert page.locator(".criterion:visible").count() == 9
    page.locator("#only").uncheck()
    page.locator("#fold").click()
    assert page.locator(".criterion:not([open])").count() == 0


def test_the_theme_follows_the_system_until_the_reader_chooses(visit: Callable[..., Any]) -> None:
    """The toggle says its state, turns the page over, and outlives a reload."""
    page = visit(PAGES["full"], color_scheme="dark").page
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(19, 22, 26)"
    assert page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_the_keyboard_reaches_everything(visit: Callable[..., Any]) -> None:
    """Tab goes to the skip link first; Enter folds and unfolds a criterion."""
    page = visit(PAGES["partial"]).page
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.locator("#cache\\.decode > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#cache\\.decode .inside").is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_print_shows_everything_on_white(scripts: bool, visit: Callable[..., Any]) -> None:
    """On paper all details are open, controls are gone and the ground is white, with scripts or without."""
    page = visit(PAGES["partial"], color_scheme="dark", java_script_enabled=scripts).page
    folded = page.locator("#cache\\.decode .checks")
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.bounding_box() is not None and folded.bounding_box()["height"] > 10
    assert not page.locator(".tools").is_visible()
    if scripts:
        assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_pictured_at_three_widths_in_both_themes_and_on_paper(
    name: str, visit: Callable[..., Any], tmp_path: Path
) -> None:
    """What a reader sees can be looked at after a run in CI: build/screenshots. No picture is empty."""
    folder = ROOT / "build" / "screenshots" if os.environ.get("CI") else tmp_path
    for theme in ("light", "dark"):
        page = visit(PAGES[name], color_scheme=theme).page
        for width in (1440, 1024, 390):
            page.set_viewport_size({"width": width, "height": 1000})
            picture = folder / f"{name}-{width}-{theme}.png"
            page.screenshot(path=picture, full_page=True)
            assert picture.stat().st_size > 10_000
    page.pdf(path=folder / f"{name}.pdf", prefer_css_page_size=True)
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_small_screen(name: str, visit: Callable[..., Any]) -> None:
    """At 360 pixels a page scrolls down only; what is wide scrolls by itself."""
    page = visit(PAGES[name], viewport={"width": 360, "height": 800}).page
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_on_a_small_screen_headings_keep_their_order_and_pictures_their_size(visit: Callable[..., Any]) -> None:
    """Sign, id and points share the first line, a claim has its width, and a picture scrolls by itself."""
    page = visit(PAGES["partial"], viewport={"width": 390, "height": 800}).page
    page.evaluate("() => document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    heading = page.locator("#gpt\\.load > summary")
    boxes = [heading.locator(part).bounding_box() for part in ("> .icon", ".id", ".earned", ".title")]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"] and boxes[1]["x"] == boxes[3]["x"]
    assert max(abs(box["y"] - boxes[1]["y"]) for box in boxes[:3]) < 10 < boxes[3]["y"] - boxes[1]["y"]
    assert min(page.locator(".claim").evaluate_all("(all) => all.map((item) => item.clientWidth || 999)")) > 200
    drawn = "(all) => all.every((item) => Math.abs(item.clientWidth - item.getAttribute('width')) < 1)"
    assert page.locator("figure svg[role=img]").evaluate_all(drawn)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_the_index_sorts_filters_and_keeps_its_state_in_the_address(visit: Callable[..., Any]) -> None:
    """A view of the cohort can be sent as a link."""
    found = visit(PAGES["index"])
    page = found.page
    first = page.locator("tbody tr").first.locator("th")
    page.get_by_role("button", name="score").click()
    assert first.inner_text().strip() == "alice" and page.url.endswith("#sort=score&dir=desc")
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="score").click()
    assert "no" not in first.inner_text() and page.url.endswith("#sort=score")
    page.locator("#lost").select_option("cache.cost")
    assert "lost=cache.cost" in page.url
    shown = names(page)
    assert "bob" in shown and "alice" not in shown
    page.locator("#q").fill("bo")
    assert names(page) == ["bob"]
    again = visit(PAGES["index"], "#" + page.url.split("#")[1]).page
    assert names(again) == ["bob"]
    again.get_by_role("button", name="Reset").click()
    assert again.locator("tbody tr:visible").count() == 17
    again.locator("#outcome").select_option("rejected")
    assert "torn rejected" in names(again)


def names(page: Any) -> list[str]:
    return [" ".join(text.split()) for text in page.locator("tbody tr:visible th").all_inner_texts()]


def test_two_candidates_stand_side_by_side(visit: Callable[..., Any]) -> None:
    """Ticked candidates are compared criterion by criterion, by a link too, and where they differ can be seen alone."""
    page = visit(PAGES["index"]).page
    assert page.locator("#comparison").is_hidden()
    page.get_by_label("Compare alice").check()
    assert page.locator("#comparison").is_hidden() and page.locator("#compare-hint").is_visible()
    page.get_by_label("Compare bob").press("Space")
    rows = page.locator("#compared tr:visible")
    only = [text.split("\t")[0] for text in rows.all_inner_texts()]
    page.locator("#differ").uncheck()
    said = {row[0]: row[1:] for row in (text.split("\t") for text in rows.all_inner_texts())}
    assert said["cache.cost"] == ["accepted", "wrong answer"] and said["gpt.load"] == ["accepted", "accepted"]
    assert page.locator("#compared th a").all_inner_texts() == ["alice", "bob"]
    assert "cache.cost" in only and "gpt.load" not in only
    assert page.locator("#equal").inner_text() == f"{rows.count() - len(only)} of {rows.count() - 1} lines are equal"
    link = page.locator("#compared a.fail").first.get_attribute("href")
    assert link.startswith("bob/report.html#")
    again = visit(PAGES["index"], "#" + page.url.split("#")[1]).page
    assert again.locator("#compared th a").all_inner_texts() == ["alice", "bob"]
    again.get_by_label("Compare candidate-0003").check()
    assert again.locator("tbody input[type=checkbox]:enabled").count() == 3
    again.get_by_role("button", name="Close").click()
    assert again.locator("#comparison").is_hidden() and "compare" not in again.url


def test_on_a_small_screen_the_name_stays_beside_what_is_scrolled_to(visit: Callable[..., Any]) -> None:
    """The table comes before the figures, its names are unbroken and stay while verdicts move beneath them."""
    page = visit(PAGES["index"], viewport={"width": 390, "height": 800}).page
    assert page.locator("#cohort").bounding_box()["y"] < page.locator("#overview").bounding_box()["y"]
    name = page.locator("tbody .name", has_text="candidate-0003")
    before = name.bounding_box()
    page.locator(".cohort-box").evaluate("(box) => { box.scrollLeft = 300; }")
    assert name.bounding_box() == before and before["height"] < 30


def test_the_scripts_read_losses_and_partial_scores_as_they_stand(visit: Callable[..., Any]) -> None:
    """A bonus that was not handed in is not found among the lost; a partial score sorts and compares as what it is."""
    found = [cards.full(), cards.partial(), cards.only("diagnosis.*", cards.part_b())]
    page = visit(html.render_index(found, cards.rubric()), "#lost=scan.values").page
    assert page.locator("#count").inner_text() == "0 of 3 submissions"
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="score").click()
    assert names(page) == ["alice", "bob", "carol"]  # what has no score comes last
    for name in ("bob", "carol"):
        page.get_by_label(f"Compare {name}").check()
    assert "nothing judged only diagnosis.*" in page.locator("#compared tr", has_text="score").inner_text()


def test_a_rate_filters_the_table(visit: Callable[..., Any]) -> None:
    """Who asks which submissions lost a criterion clicks its pass rate."""
    page = visit(PAGES["index"]).page
    page.locator(".rates a", has_text="matmul.batched").click()
    page.wait_for_function("document.getElementById('lost').value")  # the page hears of the new address a moment later
    assert page.locator("#lost").input_value() == "matmul.batched" and page.locator("#cohort").is_visible()
    page.locator(".facts-line a").click()
    assert page.locator("#lost").input_value() == "matmul.batched"  # a place on the page is no other view
    assert "bob" in names(page)


def test_five_thousand_submissions_are_usable(visit: Callable[..., Any]) -> None:
    """Loading, sorting and filtering 5,000 rows answers in a moment, also on a busy machine."""
    page = visit(html.render_index(cards.many(5000), cards.rubric())).page
    assert page.locator("#count").inner_text() == "5,000 submissions"
    timed = "(act) => {{ const t = performance.now(); {0}; document.body.offsetHeight; return performance.now() - t; }}"
    assert page.evaluate(timed.format("document.querySelector('[data-key=score] button').click()")) < 2000
    search = "const q = document.getElementById('q'); q.value = '-001'; q.dispatchEvent(new Event('input'))"
    assert page.evaluate(timed.format(search)) < 2000
    assert page.locator("#count").inner_text() == "10 of 5,000 submissions"
