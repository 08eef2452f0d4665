"""How verdicts and sections are called and marked; a glyph and a word each, so that colour is never alone."""

from __future__ import annotations

from dataclasses import dataclass

from grader.models import Outcome, Verdict


@dataclass(frozen=True)
class Mark:
    """A verdict as a reader sees it."""

    word: str
    tone: str  # pass, fail, warn, none: the colour and the icon
    letter: str  # one character, for matrices
    meaning: str


MARKS = {
    Verdict.accepted: Mark("accepted", "pass", "·", "every check holds"),
    Verdict.partial: Mark("partial", "warn", "~", "some of it holds, for a part of the points"),
    Verdict.wrong_answer: Mark("wrong answer", "fail", "W", "it ran and gave something else than it should"),
    Verdict.runtime_error: Mark("runtime error", "fail", "E", "it raised an exception or its process ended"),
    Verdict.time_limit: Mark("time limit", "fail", "T", "it took longer than a call or a part may"),
    Verdict.memory_limit: Mark("memory limit", "fail", "M", "it used more memory than the sandbox has"),
    Verdict.output_limit: Mark("output limit", "fail", "O", "its reply was larger than a reply may be"),
    Verdict.protocol_error: Mark("protocol error", "fail", "P", "its process answered with something that is no reply"),
    Verdict.missing: Mark("missing", "fail", "-", "the file or name that this needs is not there"),
    Verdict.not_applicable: Mark("not applicable", "none", "_", "not part of this run; outside the score"),
    Verdict.inconclusive: Mark("inconclusive", "warn", "?", "measured several times and not settled; a person decides"),
    Verdict.harness_error: Mark("harness error", "warn", "!", "the harness failed, not the submission"),
}

SECTIONS = {
    "gpt": "Model",
    "cache": "KV cache",
    "matmul": "Matmul",
    "scan": "Scan",
    "verify": "Own tests",
    "diagnosis": "Diagnosis",
}

OUTCOMES = {Outcome.graded: "graded", Outcome.rejected: "rejected", Outcome.harness_error: "harness error"}


def section_title(section: str) -> str:
    return SECTIONS.get(section, section.capitalize())
