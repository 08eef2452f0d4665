"""What pipelines read is valid, tells the candidate's faults from ours, and carries no attack."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cards
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite
from markdown_it import MarkdownIt

from grader import terminal
from grader.models import Scorecard
from grader.report import gradescope, html, junit, summary, table
from grader.report.text import points
from grader.report.view import lost

NO_KIT = cards.check("declared", "not_applicable", "no kit was given")
EVERY = [cards.full(), cards.partial(), cards.part_b(), cards.rejected(), cards.broken(), cards.hostile()]


def suites(found: list[Scorecard]) -> list[TestSuite]:
    return list(JUnitXml.fromstring(junit.render(found, cards.rubric()).encode()))


def kinds(suite: TestSuite) -> dict[str, set[type]]:
    return {case.name: {type(result) for result in case.result} for case in suite}


def test_junit_tells_failures_errors_and_skips_apart() -> None:
    """`failure` is the candidate's, `error` the harness's, `skipped` what was not attempted."""
    full, partial, part_b, rejected, broken, _ = (kinds(suite) for suite in suites(EVERY))
    assert {name for name, found in full.items() if found} == {"diagnosis.bugs"}
    assert full["diagnosis.bugs"] == {Skipped}
    unkitted = cards.full()
    results = [c.model_copy(update={"checks": (NO_KIT,)}) if c.id == "diagnosis.bugs" else c for c in unkitted.criteria]
    assert 'message="no kit was given"' in junit.render([unkitted.model_copy(update={"criteria": tuple(results)})])
    for name in ("gpt.logits", "matmul.batched", "matmul.timing", "diagnosis.bugs"):
        assert partial[name] == {Failure}, name
    assert partial["scan.values"] == partial["verify.tests"] == {Skipped}
    assert part_b["gpt.load"] == {Failure}  # an empty folder must not look green
    assert rejected == {"submission": {Failure}}
    assert broken["gpt.load"] == broken["submission"] == {Error}


def test_junit_counts_and_keys_are_sound() -> None:
    """Totals agree with the cases, and classname and name together are unique: GitLab keys on them."""
    parsed = JUnitXml.fromstring(junit.render(EVERY, cards.rubric()).encode())
    keys = [(case.classname, case.name) for suite in parsed for case in suite]
    assert len(keys) == len(set(keys)) == parsed.tests
    assert parsed.failures == sum(isinstance(r, Failure) for s in parsed for c in s for r in c.result)
    assert parsed.errors == 2


def test_junit_of_hostile_text_is_well_formed_xml() -> None:
    """No control character, entity or end of CDATA breaks the file or reaches another element."""
    root = ElementTree.fromstring(junit.render([cards.hostile()]).encode())
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "system-out",
    }  # fmt: skip
    assert len(junit.render([cards.flooded()]).encode()) < 3_000_000


def test_gradescope_has_what_the_platform_reads() -> None:
    """score, execution_time and tests with name, score, max_score, status, output, visibility."""
    found = json.loads(gradescope.render([cards.partial()], cards.rubric()))
    assert found["score"] == cards.partial().score and found["execution_time"] == 8.24
    by_name = {test["name"]: test for test in found["tests"]}
    assert set(by_name["gpt.logits"]) >= {"name", "score", "max_score", "status", "output", "visibility"}
    assert by_name["gpt.logits"]["status"] == "failed" and by_name["gpt.load"]["status"] == "passed"
    assert by_name["diagnosis.bugs"]["score"] == 2.0
    assert {test["visibility"] for test in found["tests"]} <= {"hidden", "after_due_date", "after_published", "visible"}
    assert all("diagnosis" not in t["name"] for t in json.loads(gradescope.render([cards.full()]))["tests"])


def test_gradescope_gives_no_score_where_the_harness_failed() -> None:
    """Without score and tests the platform reports a failed run; a zero would be the candidate's."""
    found = json.loads(gradescope.render([cards.broken()]))
    assert "score" not in found and found["tests"] == [] and "the harness failed" in found["output"]
    assert json.loads(gradescope.render([cards.rejected()]))["score"] == 0.0


def test_what_a_partial_run_covers_stands_beside_its_score() -> None:
    """Full marks for one criterion do not look like full marks; where nothing was judged there is no number."""
    one, none, bonus = (cards.only(glob, cards.full()) for glob in ("matmul.forward", "diagnosis.*", "scan.*"))
    found = [json.loads(gradescope.render([card])) for card in (one, none)]
    assert found[0]["output"] == "alice: 100 of 100, only matmul.forward" and found[0]["score"] == 100
    assert found[1]["output"] == "alice: nothing judged, only diagnosis.*" and "score" not in found[1]
    rows = [line for line in summary.render([one, none, bonus]).splitlines() if line.startswith("| `alice`")]
    assert [row.split(" | ")[1] for row in rows] == [
        "100 / 100, `only matmul.forward`",
        "nothing judged, `only diagnosis.*`",
        "nothing judged but bonus, `only scan.*`",
    ]
    cells = [(row["score"], row["only"]) for row in read(table.render([one, none]))]
    assert cells == [("100.0", "matmul.forward"), ("", "diagnosis.*")]
    assert terminal.sentence(one) == "100 of 100, only matmul.forward"
    assert [line.split()[1:4] for line in terminal.table([one], Path()).splitlines()[2:]] == [
        ["100", "only", "matmul.forward"]
    ]


def test_all_count_the_same_losses() -> None:
    """Terminal, Markdown and report have one idea of what was lost."""
    card = cards.partial()
    assert terminal.sentence(card).partition("; ")[2] == (
        "not gpt (3 wrong answers), cache (2 wrong answers), "
        "matmul (1 runtime error, 1 wrong answer, 1 inconclusive), diagnosis.bugs (partial)"
    )
    count = sum(lost(line) for line in card.criteria)
    text = summary.render([card])
    assert count == text.count("\n- **") == int(terminal.table([card], Path()).splitlines()[2].split()[4])


def test_what_waits_for_a_person_is_pending_everywhere() -> None:
    """One thing has one word, that of the glossary."""
    card = cards.partial()
    for text in (json.loads(gradescope.render([card]))["output"], terminal.sentence(card), summary.render([card])):
        assert f"{points(card.pending)} pending" in text
    page = html.render_index([card])
    assert ">pending</th>" in page and "with pending points" in page and ">open<" not in page


def test_the_summary_names_a_missing_file_once() -> None:
    """Fifteen criteria that miss minigpt.py are one line, with all that they cost."""
    text = summary.render([cards.part_b()])
    assert "| gpt (7 missing), cache (8 missing) |" in text
    assert re.findall(r"^- .*", text, re.M) == [
        "- **gpt (7), cache (8)** (0 of 73) missing: `minigpt.py is not in the submission`"
    ]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_one_row_a_submission() -> None:
    """Scores are numbers, what has none is empty, and each criterion has its points and verdict."""
    rows = read(table.render(EVERY, cards.rubric()))
    assert [row["name"] for row in rows[:5]] == ["alice", "bob", "carol", "torn", "dan"]
    assert float(rows[0]["score"]) == 100.0 and rows[4]["score"] == "" and rows[4]["outcome"] == "harness_error"
    assert rows[1]["cache.cost"] == "0.0" and rows[1]["cache.cost verdict"] == "wrong_answer"
    assert rows[3]["gpt.load"] == "" and "archive is broken" in rows[3]["reason"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n@", "\uff1d", "\uff0b"])
def test_no_cell_is_a_formula(start: str) -> None:
    """A name or message that starts as a formula does is shown as text."""
    card = cards.hostile(f"{start}cmd|'/C calc'!A0")
    for cell in (
        csv.reader(io.StringIO(table.render([card]))).__next__(),
        *csv.reader(io.StringIO(table.render([card]))),
    ):
        for value in cell:
            if not re.fullmatch(r"-?[\d.]+", value):
                assert not value.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b")), value
    assert table.render([card]).count("\n") == 2


def test_the_summary_is_markdown_that_says_what_was_lost() -> None:
    """A table of all, then what each lost, with the reason of those that were not graded."""
    text = summary.render(EVERY, cards.rubric())
    shown = MarkdownIt("commonmark").enable("table").render(text)
    assert shown.count("<tr>") == 1 + len(EVERY)
    assert "| `alice` | 100 / 100 | +10 | nothing |" in text
    assert "**gpt.logits** (0 of 10) wrong answer" in text and "bad magic number" in text


def test_nothing_in_the_summary_is_obeyed() -> None:
    """Text of a submission is in code spans: no HTML, link, image, mention or workflow command comes of it."""
    text = summary.render([cards.hostile("a`b``c | <img src=x> " + cards.HOSTILE), cards.hostile("`")])
    shown = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)
    assert not re.search(r"<(?:img|a|script|svg)\b", shown)
    assert not any(line.startswith(("::", "##[")) for line in text.splitlines())
    assert shown.count("<tr>") == 3


def test_the_summary_of_thousands_stays_under_200_kb() -> None:
    """A job summary that is too large is dropped by the CI system; this one counts what it left out."""
    for found in (cards.many(5000), [cards.flooded()] * 40):
        text = summary.render(found, cards.rubric())
        assert len(text.encode()) < 200_000
    assert "more submissions are in index.html" in summary.render(cards.many(5000))
