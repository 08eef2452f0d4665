"""The validity matrix as one HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .5rem; text-align: left; border-bottom: 1px solid #8886; vertical-align: top; }
dt { font-weight: 600; }
.wide { overflow-x: auto; }
.matrix td { text-align: center; font-family: ui-monospace, monospace; font-size: .8rem; }
.matrix thead span { writing-mode: vertical-rl; }
.ok { opacity: .55; }
.lost { font-weight: 600; background: #8883; }
.bad { font-weight: 700; background: #b00020; color: #fff; }
"""


def initials(verdict: str) -> str:
    return (
        "A"
        if verdict == "accepted"
        else "".join(word[0] for word in verdict.split("_"))
        if "_" in verdict
        else verdict[:2]
    )


def render(entries: Sequence[Any], result: Any) -> str:
    """Render entry x criterion, the rates, what each check alone catches, and the margins."""
    environment = Environment(loader=PackageLoader("grader.report"), autoescape=True, undefined=StrictUndefined)
    environment.filters["initials"] = initials
    criteria = list(dict.fromkeys(cell.criterion for cell in result.cells))
    rows: dict[str, dict[str, list[Any]]] = {entry.name: {criterion: [] for criterion in criteria} for entry in entries}
    for cell in result.cells:
        rows[cell.entry][cell.criterion].append(cell)
    return environment.get_template("validity.html.j2").render(
        entries=entries,
        criteria=criteria,
        rows=rows,
        result=result,
        style=STYLE,
        style_hash=base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode(),
    )
