"""What a run over the corpus showed, as a page of the documents."""

from __future__ import annotations

from collections.abc import Sequence

from grader.validity.corpus import Entry
from grader.validity.measure import Margin, Validity


def render(entries: Sequence[Entry], result: Validity, first_seed: int, seeds: int) -> str:
    """Write the rates, what each criterion catches, and how near anything came to the other side, as Markdown."""
    right = sum(entry.group == "accepted" for entry in entries)
    found = [f"{cell.entry}, seed {cell.seed}, `{cell.criterion}`: {cell.verdict.value}" for cell in result.surprises]
    surprises = "\n".join(f"- {text}" for text in found) or "None: every verdict was the expected one."
    return f"""# How right the verdicts are

Made by `grader validity`; do not edit. The corpus has {right} right solutions that look nothing like the reference, and
{len(entries) - right} wrong ones, each with the criteria that it must fail and one line why. All were graded by the
real path, with {seeds} {"seed" if seeds == 1 else "seeds"} from {first_seed}, in {result.seconds / 60:.0f} minutes.

| | |
| --- | --- |
| sensitivity: what must fail does | {result.sensitivity} |
| specificity: what must pass does | {result.specificity} |

## Surprises

{surprises}

## What each criterion catches

| criterion | caught | entries that nothing else catches |
| --- | --- | --- |
{_detection(result)}

## How near it came

Measured, over the limit that decides: a right solution stays below 1, a wrong one above. A tolerance belongs between
the columns.

| criterion | what is measured | nearest right solution | nearest wrong one |
| --- | --- | --- | --- |
{_margins(result.margins)}
"""


def _detection(result: Validity) -> str:
    return "\n".join(
        f"| `{criterion}` | {rate.hits} of {rate.of} | {len(result.sole_criterion.get(criterion, ()))} |"
        for criterion, rate in result.detection.items()
    )


def _margins(margins: Sequence[Margin]) -> str:
    return "\n".join(
        f"| `{margin.criterion}` | {margin.check.replace('_', ' ')} | "
        f"{_share(margin.largest_right, margin.largest_right_entry)} | "
        f"{_share(margin.smallest_wrong, margin.smallest_wrong_entry)} |"
        for margin in margins
    )


def _share(share: float | None, entry: str) -> str:
    return "" if share is None else f"{share:.3g} ({entry})"
