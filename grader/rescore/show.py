"""What `grader rescore` prints: who moved, across which bar, by which verdicts, and what stays in doubt."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from grader import terminal
from grader.models import Outcome, Scorecard
from grader.report.text import points
from grader.rescore.card import Rescored
from grader.terminal import safe, some

DOUBTS = 20  # that are printed; each scorecard holds its own
NAMES = 5  # of submissions that share one


def rescored(found: Sequence[Rescored], min_score: float | None, dry_run: bool) -> None:
    """Print the table of those that changed, and a line on the others."""
    console = terminal.console()
    moved = [one for one in found if one.after is not one.before]
    shown = [one for one in moved if _moves(one)]
    if shown:
        console.print(_table(shown, min_score))
    doubts: dict[str, list[str]] = {}
    for one in found:
        for text in one.doubts:
            doubts.setdefault(text, []).append(one.after.submission.name)
    if doubts:
        console.print("In doubt; grade again to know:")
        for text, names in list(doubts.items())[:DOUBTS]:
            console.print(f"  ? {safe(text, 500)}: {safe(some(names, NAMES))}", soft_wrap=True)
        if len(doubts) > DOUBTS:
            console.print(f"  and {len(doubts) - DOUBTS:,} more, which the scorecards name under run.rescored")
    dropped = sorted({name for one in found for name in one.dropped})
    if dropped:
        console.print(
            f"No longer in the rubric: {', '.join(dropped)}; the history keeps what was stored", soft_wrap=True
        )
    if min_score is not None:
        rises, falls = (
            sum(_crossing(one, min_score) == way for one in found) for way in ("rises above", "falls below")
        )
        console.print(f"across {min_score:g}: {rises} up, {falls} down")
    unjudged = sum(one.before.outcome is not Outcome.graded for one in found)
    kept = f", {unjudged} without verdicts left as they are" if unjudged else ""
    done = "would be rescored" if dry_run else "rescored"
    console.print(f"{len(moved)} of {len(found)} {done}{kept}")


def _moves(one: Rescored) -> bool:
    numbers = [(card.score, card.bonus, card.pending, card.final) for card in (one.before, one.after)]
    return bool(one.verdicts) or numbers[0] != numbers[1]


def _table(found: Sequence[Rescored], min_score: float | None) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    finals = any(one.before.final is not None or one.after.final is not None for one in found)
    table.add_column("submission", overflow="fold")
    for name in ("score", "now", *(("final", "now") if finals else ())):
        table.add_column(name, justify="right")
    if min_score is not None:
        table.add_column(f"bar {min_score:g}")
    table.add_column("verdicts that changed", overflow="fold")
    for one in found:
        row = [safe(one.after.submission.name), _points(one.before.score), _points(one.after.score)]
        row += [_points(one.before.final), _points(one.after.final)] if finals else []
        crossing = "" if min_score is None else _crossing(one, min_score)
        row += [] if min_score is None else [crossing]
        row.append("\n".join(f"{name}: {before} -> {after}" for name, before, after in one.verdicts))
        table.add_row(*row, style="bold" if crossing else "")
    return table


def _crossing(one: Rescored, bar: float) -> str:
    """Say whether a score crosses the bar; one that reaches it is not below."""
    below = [_is_below(card, bar) for card in (one.before, one.after)]
    return "" if below[0] is below[1] else "falls below" if below[1] else "rises above"


def _is_below(card: Scorecard, bar: float) -> bool:
    return card.score is not None and card.score < bar


def _points(value: float | None) -> str:
    return "" if value is None else points(value)
