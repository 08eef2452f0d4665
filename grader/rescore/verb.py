"""`grader rescore`: show, and write, what another rubric makes of the scorecards in a reports folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from grader.errors import UsageError, hint
from grader.options import Out, RubricFile

if TYPE_CHECKING:
    from grader.models import Scorecard
    from grader.rescore.card import Rescored
    from grader.store import Store


def rescore(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Of submissions; else all.")] = None,
    rubric: RubricFile = None,
    out: Out = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="X", help="Show who moves across this score.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")] = False,
) -> int:
    """Score what is stored by another rubric, running nothing.

    Points, titles, weights and thresholds are the new rubric's; marks of persons stay. The earlier scorecards move into
    each submission's history. A verdict that the stored evidence does not decide is left as it is, and named.
    """
    from datetime import UTC, datetime

    from grader import rubric as rubrics
    from grader import settings
    from grader.rescore import card, show
    from grader.store import Store

    said = settings.load()
    min_score = said.min_score if min_score is None else min_score
    lines, store = rubrics.load(rubric or said.rubric), Store(out or said.out)
    cards = _chosen(store, names or [])
    digest, now = rubrics.digest(lines), datetime.now(UTC).isoformat(timespec="seconds")
    found: list[Rescored] = []
    lacking: list[str] = []
    for stored in cards:
        try:
            found.append(card.rescore(stored, lines, digest, now))
        except UsageError as error:
            lacking.append(str(error))
    if lacking:
        more = f" (and {len(lacking) - 1} more submissions)" if len(lacking) > 1 else ""
        raise UsageError(f"{lacking[0]}{more}; nothing was rescored")
    if not dry_run:
        for one in found:
            if one.after is not one.before:
                store.keep(one.after)
            if one.after is not one.before or store.report_is_old(one.after):
                store.report(one.after, lines)
        store.index(lines)
    show.rescored(found, min_score, dry_run)
    return 0


def _chosen(store: Store, names: list[str]) -> list[Scorecard]:
    """Read the scorecards that were asked for. Raises UsageError where one is not there, or there is none."""
    from grader.terminal import say

    stored, unreadable = store.cards()
    for text in unreadable:
        say(f"warning: {text}")
    known = {place.name: card for place, card in stored.items()}
    for place, card in stored.items():
        if card.submission.name != place.name:
            say(f"warning: {place} holds the scorecard of {card.submission.name}; it stays as it is")
            del known[place.name]
    for name in names:
        if name not in known:
            raise UsageError(f"{store.folder / name} holds no scorecard that can be rescored{hint(name, known)}")
    if not known:
        raise UsageError(f"{store.folder} holds no scorecard; name the folder with --out")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
