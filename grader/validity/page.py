"""The validity matrix as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence

from grader.report.html import environment
from grader.validity.corpus import Entry
from grader.validity.measure import Validity


def render(entries: Sequence[Entry], result: Validity) -> str:
    """Render entry x criterion, the rates, what each criterion alone catches, and the margins."""
    criteria = list(dict.fromkeys(cell.criterion for cell in result.cells))
    rows = {
        entry.name: {
            criterion: [cell for cell in result.cells if cell.entry == entry.name and cell.criterion == criterion]
            for criterion in criteria
        }
        for entry in entries
    }
    template = environment().get_template("validity.html.j2")
    return template.render(entries=entries, criteria=criteria, rows=rows, result=result)
