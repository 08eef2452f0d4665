"""JUnit XML for the test tabs of CI systems: a suite a submission, a case a criterion.

`failure` is the candidate's, `error` the harness's, `skipped` what was not attempted: excluded, not applicable, or a
bonus that was not handed in. A file of the exercise proper that is missing is a failure: an empty submission is not
green.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from grader.models import CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report.text import cut, one_line, points, short
from grader.report.words import MARKS

MESSAGE_CHARS, BODY_CHARS, OUTPUT_CHARS = 500, 8000, 16000


def render(cards: Sequence[Scorecard], rubric: Rubric | None = None) -> str:
    """Write one file for all submissions. Systems key on classname and name, so both are stable and unique."""
    suites = ET.Element("testsuites", name="grade")
    for card in cards:
        _suite(suites, card)
    for key in ("tests", "failures", "errors"):  # Jenkins' schema knows no sum of what was skipped
        suites.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    suites.set("time", f"{sum(card.run.duration_s for card in cards):.3f}")
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _suite(suites: ET.Element, card: Scorecard) -> None:
    name = short(card.submission.name, 200)
    suite = ET.SubElement(suites, "testsuite", name=name)
    suite.set("timestamp", short(card.run.started_at, 40))
    suite.set("time", f"{card.run.duration_s:.3f}")
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(card):
        ET.SubElement(properties, "property", name=key, value=value)
    for result in card.criteria:
        case = ET.SubElement(suite, "testcase", classname=f"{name}.{result.section}", name=result.id)
        case.set("time", f"{sum(check.duration_s for check in result.checks):.3f}")
        _outcome(case, result)
    if card.outcome is not Outcome.graded:
        case = ET.SubElement(suite, "testcase", classname=name, name="submission", time="0.000")
        tag = "failure" if card.outcome is Outcome.rejected else "error"
        ET.SubElement(case, tag, type=card.outcome.value, message=short(card.reason, MESSAGE_CHARS))
    if card.output:
        ET.SubElement(suite, "system-out").text = str(cut(card.output, OUTPUT_CHARS))
    suite.set("tests", str(len(suite.findall("testcase"))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))


def _properties(card: Scorecard) -> list[tuple[str, str]]:
    score = "none" if card.score is None else points(card.score)
    found = [("score", score), ("max_score", points(card.max_score)), ("bonus", points(card.bonus))]
    found += [("pending", points(card.pending)), ("seed", str(card.run.seed)), ("sandbox", one_line(card.run.sandbox))]
    found += [("digest", short(card.submission.digest, 100)), ("rubric_digest", short(card.run.rubric_digest, 100))]
    found += [("final", points(card.final))] if card.final is not None else []
    found += [("only", short(card.run.only, 100))] if card.run.only else []
    return found + ([("weak_sandbox", short("; ".join(card.run.weak), 300))] if card.run.weak else [])


def _outcome(case: ET.Element, result: CriterionResult) -> None:
    if result.verdict is Verdict.accepted:
        return
    failed = [check for check in result.checks if not check.verdict.is_fine]
    told = (check.message for check in (*failed, *result.checks) if check.message)
    message = next(told, MARKS[result.verdict].meaning)
    skipped = result.verdict is Verdict.not_applicable or (result.bonus and result.verdict is Verdict.missing)
    tag = "skipped" if skipped else "error" if result.verdict is Verdict.harness_error else "failure"
    found = ET.SubElement(case, tag, message=short(message, MESSAGE_CHARS))
    if tag != "skipped":
        found.set("type", result.verdict.value)
        lines = [result.title, f"{points(result.earned)} of {points(result.points)} points"]
        lines += [f"{check.id}: {MARKS[check.verdict].word}: {check.message[:MESSAGE_CHARS]}" for check in failed]
        found.text = str(cut("\n".join(lines), BODY_CHARS))
