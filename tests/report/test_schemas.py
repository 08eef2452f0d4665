"""What pipelines read is valid by the schemas of those who read it, for every kind of scorecard and for floods.

schemas/junit-10.xsd is that of Jenkins' xUnit plugin, by which pytest tests its own files too (taken from there);
gradescope.json is written after Gradescope's autograder specifications, which come in words only.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cards
import jsonschema
import pytest
import xmlschema
from junitparser import JUnitXml

from grader.models import Outcome, Scorecard
from grader.report import gradescope, junit, summary, table
from grader.report.words import MARKS

HERE = Path(__file__).parent
XSD = xmlschema.XMLSchema(HERE / "schemas" / "junit-10.xsd")
RESULTS = json.loads((HERE / "schemas" / "gradescope.json").read_text())
EVERY = [cards.full(), cards.partial(), cards.part_b(), cards.rejected(), cards.broken(), cards.hostile()]
FORMS = {"junit": junit, "summary": summary, "csv": table}  # of any number of submissions


def named(card: Scorecard, name: str) -> Scorecard:
    return card.model_copy(update={"submission": card.submission.model_copy(update={"name": name})})


def crowd() -> list[Scorecard]:
    """Five hundred hostile submissions."""
    card = cards.hostile()
    return [named(card, f"{i}{card.submission.name}") for i in range(500)]


# --- JUnit ------------------------------------------------------------------------------------------------------------


def test_junit_is_valid_for_every_kind(card: Scorecard) -> None:
    """Alone and among others, with reviews, a weak sandbox and --only."""
    XSD.validate(junit.render([card], cards.rubric()))
    run = card.run.model_copy(update={"weak": ("memory",), "only": "gpt.*"})
    XSD.validate(junit.render([*EVERY, card.model_copy(update={"run": run, "final": 61.5})]))


def test_junit_of_nothing_and_of_a_crowd_is_valid() -> None:
    """No submission, and five hundred that are hostile; junitparser counts what the file says."""
    XSD.validate(junit.render([]))
    text = junit.render(crowd())
    XSD.validate(text)
    parsed = JUnitXml.fromstring(text.encode())
    assert parsed.tests == sum(len(suite) for suite in parsed) == 500 * len(cards.hostile().criteria)
    assert len({(case.classname, case.name) for suite in parsed for case in suite}) == parsed.tests


@pytest.mark.parametrize(("old", "new"), [("<testcase ", "<case "), (' errors="', ' faults="'), ('="8.240"', '="8 s"')])
def test_the_schema_would_notice(old: str, new: str) -> None:
    """An element, a count or a time that readers do not know is refused: the schema is not empty."""
    text = junit.render([cards.partial()])
    assert old in text
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        XSD.validate(text.replace(old, new).replace("</testcase>", "</case>" if new == "<case " else "</testcase>"))


# --- Gradescope -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", [*EVERY, cards.flooded()])
def test_gradescope_is_valid_for_every_kind(card: Scorecard) -> None:
    """One submission of each kind, and a flooded one."""
    jsonschema.validate(json.loads(gradescope.render([card], cards.rubric())), RESULTS)


def test_gradescope_totals_are_the_scorecards() -> None:
    """The tests' points, without bonus, scaled to the maximum are the score; nothing is above its own maximum."""
    for card in (cards.full(), cards.partial(), cards.part_b()):
        results = json.loads(gradescope.render([card]))
        plain = [test for test in results["tests"] if not test["name"].endswith(" (bonus)")]
        earned, possible = (sum(test[key] for test in plain) for key in ("score", "max_score"))
        assert results["score"] == card.score == pytest.approx(earned / possible * card.max_score, abs=1e-3)
        assert all(0 <= test["score"] <= test["max_score"] for test in results["tests"])
        assert {test["name"].removesuffix(" (bonus)") for test in results["tests"]} == {
            line.id for line in card.criteria if MARKS[line.verdict].tone != "none"
        }


@pytest.mark.parametrize(
    "change",
    [{"tests": [{"status": "ok"}]}, {"visibility": "public"}, {"score": "90"}, {"marks": 1}, {"output_format": "rst"}],
)
def test_the_results_schema_would_notice(change: dict[str, Any]) -> None:
    """A word, a type or a key that the platform does not know is refused."""
    results = json.loads(gradescope.render([cards.partial()]))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results | change, RESULTS)


# --- Markdown and CSV -------------------------------------------------------------------------------------------------


def test_the_summary_of_a_hostile_crowd_stays_under_200_kb() -> None:
    """As bytes, and with every submission counted: in the table, or as left out."""
    text = summary.render(crowd(), cards.rubric())
    assert len(text.encode()) < 200_000
    rows = sum(line.startswith("| `") for line in text.splitlines())
    left = int(text.partition(" more submissions are in index.html")[0].rpartition("\n")[2].replace(",", "") or 0)
    assert rows + left == 500 and text.startswith("# Grading\n\n500 submissions")


def test_csv_read_back_is_what_was_written() -> None:
    """Numbers are numbers, nothing is lost, and marks of a person are there."""
    found = [*EVERY[:5], *cards.many(40)]
    rows = list(csv.DictReader(io.StringIO(table.render(found, cards.rubric())), quoting=csv.QUOTE_NONNUMERIC))
    assert len(rows) == len(found)
    for row, card in zip(rows, found, strict=True):
        assert (row["name"], row["outcome"]) == (card.submission.name, card.outcome.value)
        assert row["score"] == ("" if card.score is None else card.score)
        assert row["rubric_digest"] == card.run.rubric_digest
        for line in card.criteria:
            assert (row[line.id], row[f"{line.id} verdict"]) == (line.earned, line.verdict.value)
        for mark in card.reviews:
            assert row[mark.id] == ("" if mark.mark is None else mark.mark)
    assert rows[1]["review.debugging"] == 3.0
    assert any(card.outcome is Outcome.rejected for card in found)


# --- all --------------------------------------------------------------------------------------------------------------


def digests() -> dict[str, str]:
    found = [*EVERY, *cards.many(20)]
    texts = {name: form.render(found) for name, form in FORMS.items()}
    texts |= {f"gradescope/{i}": gradescope.render([card]) for i, card in enumerate(found)}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def test_the_same_scorecards_give_the_same_bytes() -> None:
    """Twice, and in a process that orders its sets otherwise."""
    here = digests()
    assert here == digests()
    code = "import json, test_schemas; print(json.dumps(test_schemas.digests()))"
    path = os.pathsep.join([str(HERE), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout) == here
