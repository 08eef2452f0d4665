"""HTML: one file per submission and one for the cohort, each complete in itself and safe to open anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.models import Outcome, Rubric, Scorecard
from grader.report import ask, brief, code, cohort, colours, notes, text, view
from grader.report.evidence import CAPS, Caps
from grader.report.words import MARKS, OUTCOMES

TEMPLATES = Path(__file__).resolve().parent / "templates"
REPORT_BYTES = 900_000  # a report stays under 1 MB


def render_report(scorecard: Scorecard, rubric: Rubric) -> str:
    """Write the report of one submission; the same scorecard gives the same bytes.

    Where evidence would make it too large, less of each piece is shown, and how much was cut stands beside it.
    """
    page = ""
    for caps in CAPS:
        page = _report(scorecard, rubric, caps)
        if len(page.encode("utf-8", "replace")) <= REPORT_BYTES:
            break
    return page


def _report(card: Scorecard, rubric: Rubric, caps: Caps) -> str:
    anchors = {item.id: item.anchors for item in rubric.reviews}
    return _page(
        "report",
        card=card,
        rubric=rubric,
        headline=view.headline(card),
        doubts=view.doubts(card),
        sections=view.sections(card, rubric, caps),
        causes=view.causes(card),
        scope=brief.scope(card),
        questions=ask.questions(card, rubric),
        follow_ups=ask.follow_ups(card, rubric),
        most_questions=ask.MOST,
        anything_lost=any(view.lost(result) for result in card.criteria),
        changes=code.change_views(card, caps.change_characters),
        notes=notes.notes_view(card.notes, caps.notes),
        anchors=anchors,
        output=text.cut(card.output, caps.output),
        files=card.submission.files[: caps.names],
        refused=tuple(card.submission.refused.items())[: caps.names],
        graded=card.outcome is Outcome.graded,
    )


def render_index(scorecards: Sequence[Scorecard], rubric: Rubric | None = None) -> str:
    """Write the page over all submissions, usable at thousands of them."""
    return _page("index", cohort=cohort.cohort(scorecards, rubric), marks=MARKS)


def render_validity(entries: Sequence[Any], result: Any) -> str:
    """Write the matrix of corpus entry by criterion, the rates, what each check alone catches, and the margins."""
    criteria = list(dict.fromkeys(cell.criterion for cell in result.cells))
    rows: dict[str, dict[str, list[Any]]] = {entry.name: {criterion: [] for criterion in criteria} for entry in entries}
    for cell in result.cells:
        rows[cell.entry][cell.criterion].append(cell)
    return _page("validity", entries=entries, criteria=criteria, rows=rows, result=result)


def _initials(verdict: str) -> str:
    words = verdict.split("_")
    return "A" if verdict == "accepted" else "".join(word[0] for word in words) if len(words) > 1 else verdict[:2]


def _page(name: str, **values: object) -> str:
    style = Markup(colours.css() + source("page.css") + source(f"{name}.css"))
    script = Markup(source("page.js") + source(f"{name}.js"))
    # No 'unsafe-inline': what runs and what styles is named by its hash, everything else is denied.
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment().get_template(f"{name}.html.j2").render(style=style, script=script, policy=policy, **values)


@cache
def environment() -> Environment:
    """Give what renders every page: autoescape on, and nothing printed that acts or hides."""
    # select_autoescape() would leave .html.j2 alone; and whatever a template prints passes through text.visible.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "points": text.points,
        "seconds": text.seconds,
        "short": text.short,
        "cut": text.cut,
        "counted": text.counted,
        "when": text.when,
        "initials": _initials,
        "outcome": OUTCOMES.__getitem__,
    }
    return environment


def _final(value: object) -> object:
    """Make what a template prints safe to look at; a float it prints is a place in a picture."""
    if type(value) is float:
        return f"{round(value, 1):g}"
    return text.visible(value) if type(value) is str else value


@cache
def source(name: str) -> str:
    """Give a style sheet or script that lies beside the templates; nothing where there is none."""
    path = TEMPLATES / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
