"""Markdown for the summary of a CI job: a table of all submissions, then what each one lost, while there is room."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from grader.models import CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report import brief
from grader.report.text import points, seconds, short
from grader.report.view import message
from grader.report.words import MARKS, OUTCOMES

MOST_BYTES = 190_000  # a job summary may have 200 KB in all
ROW_SHARE = 0.5  # of the room, at most, for the table
MESSAGE_CHARS = 300


def render(cards: Sequence[Scorecard], rubric: Rubric | None = None) -> str:
    """Write the summary. What no longer fits is counted, never cut in the middle."""
    head = ["# Grading", "", _counts(cards), ""]
    rows = ["| submission | score | bonus | lost | took |", "| :-- | --: | --: | :-- | --: |"]
    room = MOST_BYTES - _size(head) - _size(rows) - 500
    kept, left = _fit([_row(card) for card in cards], int(room * ROW_SHARE))
    room -= _size(kept)
    parts, unsaid = _fit([_details(card) for card in cards if _has_details(card)], room)
    lines = [*head, *rows, *kept]
    if left:
        lines += ["", f"{left:,} more submissions are in index.html."]
    lines += ["", *parts]
    if unsaid:
        lines += [f"What {unsaid:,} more submissions lost is in their reports."]
    return "\n".join(lines).rstrip() + "\n"


def _fit(pieces: list[str], room: int) -> tuple[list[str], int]:
    kept: list[str] = []
    for piece in pieces:
        room -= _size([piece])
        if room < 0:
            break
        kept.append(piece)
    return kept, len(pieces) - len(kept)


def _size(lines: list[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)


def _counts(cards: Sequence[Scorecard]) -> str:
    found = [f"{len(cards):,} {'submission' if len(cards) == 1 else 'submissions'}"]
    for outcome in Outcome:
        count = sum(card.outcome is outcome for card in cards)
        if count:
            found.append(f"{count:,} {OUTCOMES[outcome]}")
    return ", ".join(found) + "."


def _row(card: Scorecard) -> str:
    score = brief.score(card, " / ")
    if card.run.only:
        score += f", {code(brief.scope(card), 80, cell=True)}"
    if card.pending:
        score += f" ({points(card.pending)} pending)"
    what = brief.by_section(brief.losses(card))
    what = what or (OUTCOMES[card.outcome] if card.outcome is not Outcome.graded else "nothing")
    bonus = f"+{points(card.bonus)}" if card.bonus else ""
    return (
        f"| {code(card.submission.name, 80, cell=True)} | {score} | {bonus} | {what} | {seconds(card.run.duration_s)} |"
    )


def _has_details(card: Scorecard) -> bool:
    return card.outcome is not Outcome.graded or bool(card.run.weak) or bool(brief.losses(card))


def _details(card: Scorecard) -> str:
    lines = [f"## {code(card.submission.name, 80)}", ""]
    if card.outcome is not Outcome.graded:
        lines += [f"{OUTCOMES[card.outcome].capitalize()}: {code(card.reason, 2 * MESSAGE_CHARS)}", ""]
    if card.run.weak:
        lines += [
            f"**Graded in a weak sandbox**, which did not keep: {code('; '.join(card.run.weak), MESSAGE_CHARS)}",
            "",
        ]
    lines += [_line(group) for group in _groups(card)]
    return "\n".join([*lines, ""])


def _groups(card: Scorecard) -> list[list[CriterionResult]]:
    """Give the lost criteria one by one, but together those that miss the same file."""
    groups: dict[tuple[Verdict, str], list[CriterionResult]] = {}
    for result in brief.losses(card):
        same = message(result) if result.verdict is Verdict.missing else result.id
        groups.setdefault((result.verdict, same), []).append(result)
    return list(groups.values())


def _line(group: list[CriterionResult]) -> str:
    """Write a line for one criterion, or for all that miss the same thing."""
    first, told = group[0], message(group[0])
    worth = f"{points(sum(result.earned for result in group))} of {points(sum(result.points for result in group))}"
    bonus = " bonus" if first.bonus else ""
    sections = Counter(result.section for result in group)
    name = first.id if len(group) == 1 else ", ".join(f"{section} ({count})" for section, count in sections.items())
    said = f": {code(told, MESSAGE_CHARS)}" if told else ""
    return f"- **{name}** ({worth}{bonus}) {MARKS[first.verdict].word}{said}"


def code(text: str, most: int, cell: bool = False) -> str:
    """Put text of a submission into a code span, where Markdown, HTML, links and mentions mean nothing."""
    shown = short(text, most).strip() or " "
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    span = f"{fence} {shown} {fence}" if shown[0] == "`" or shown[-1] == "`" else f"{fence}{shown}{fence}"
    return span.replace("|", "\\|") if cell else span
