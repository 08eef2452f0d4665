"""Compare scorecards with what the corpus says, and measure: pure, no grading here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from math import sqrt

from grader.models import DIAGNOSIS, CriterionResult, Frozen, Outcome, Scorecard, Verdict
from grader.validity.corpus import Entry

# Judged only where an entry names them: a corpus entry is about the solution, not about its tests or diagnosis.
OPTIONAL = ("verify.tests", DIAGNOSIS)


class Cell(Frozen):
    """One criterion of one entry at one seed."""

    entry: str
    seed: int
    criterion: str
    verdict: Verdict
    want: str  # accepted, not accepted, a verdict word, or either
    surprise: bool


class Margin(Frozen):
    """How near a measured quantity came to its limit, as measured / limit."""

    criterion: str
    check: str
    largest_right: float | None = None
    largest_right_entry: str = ""
    smallest_wrong: float | None = None
    smallest_wrong_entry: str = ""


class Rate(Frozen):
    """A proportion with its 95 % Wilson interval."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        n, p, z = self.of, self.value, 1.959964
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4f} ({self.hits} of {self.of}; 95 % interval {low:.4f} to {high:.4f})"


class Validity(Frozen):
    """What a run over the corpus showed."""

    cells: tuple[Cell, ...]
    broken: dict[str, str] = {}  # entry -> why it has no verdicts
    sensitivity: Rate
    specificity: Rate
    detection: dict[str, Rate] = {}  # criterion -> of the entries that must fail it, how many did
    sole_criterion: dict[str, tuple[str, ...]] = {}  # criterion -> entries that nothing else catches
    sole_check: dict[str, tuple[str, ...]] = {}  # check -> entries whose criterion would be accepted without it
    checks: tuple[str, ...] = ()
    margins: tuple[Margin, ...] = ()
    seconds: float = 0.0

    @property
    def surprises(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.surprise]

    @property
    def sound(self) -> bool:
        return not self.surprises and not self.broken


def measure(entries: Iterable[Entry], cards: Mapping[tuple[str, int], Scorecard], seconds: float) -> Validity:
    """Compare every scorecard (by entry name and seed) with its entry."""
    by_name = {entry.name: entry for entry in entries}
    cells: list[Cell] = []
    broken: dict[str, str] = {}
    sole_criterion: dict[str, set[str]] = {}
    sole_check: dict[str, set[str]] = {}
    checks: set[str] = set()
    margins: dict[tuple[str, str], Margin] = {}
    for (name, seed), card in cards.items():
        entry = by_name[name]
        if card.outcome is not Outcome.graded:
            broken[name] = f"seed {seed}: {card.outcome.value}: {card.reason}"
            continue
        globs = (card.run.only or "*", entry.scope or "*")  # what was judged, and what the entry is about
        lines = [line for line in card.criteria if all(fnmatch(line.id, glob) for glob in globs)]
        own = [_cell(entry, seed, line) for line in lines]
        cells += own
        lost = [cell.criterion for cell in own if cell.verdict is not Verdict.accepted and cell.want != "either"]
        if len(lost) == 1 and entry.fails:
            sole_criterion.setdefault(lost[0], set()).add(name)
        for line in lines:
            failing = [check for check in line.checks if not check.verdict.is_fine]
            checks |= {_check_name(line.id, check.id) for check in line.checks}
            failing_names = {_check_name(line.id, check.id) for check in failing}
            if len(failing_names) == 1 and line.id in entry.fails:
                sole_check.setdefault(failing_names.pop(), set()).add(name)
            _note_margins(margins, entry, line)
    must_fail = [cell for cell in cells if cell.want not in ("accepted", "either")]
    must_pass = [cell for cell in cells if cell.want == "accepted"]
    return Validity(
        cells=tuple(cells),
        broken=broken,
        sensitivity=Rate(hits=sum(c.verdict is not Verdict.accepted for c in must_fail), of=len(must_fail)),
        specificity=Rate(hits=sum(c.verdict is Verdict.accepted for c in must_pass), of=len(must_pass)),
        detection={
            criterion: Rate(hits=sum(c.verdict is not Verdict.accepted for c in group), of=len(group))
            for criterion in sorted({c.criterion for c in must_fail})
            if (group := [c for c in must_fail if c.criterion == criterion])
        },
        sole_criterion={k: tuple(sorted(v)) for k, v in sorted(sole_criterion.items())},
        sole_check={k: tuple(sorted(v)) for k, v in sorted(sole_check.items())},
        checks=tuple(sorted(checks)),
        margins=tuple(margins[key] for key in sorted(margins)),
        seconds=round(seconds, 1),
    )


def _check_name(criterion: str, check: str) -> str:
    """Name a check without its parameters: deleting it deletes both schemes."""
    return f"{criterion}:{check.split('[')[0]}"


def _cell(entry: Entry, seed: int, line: CriterionResult) -> Cell:
    named = {*entry.fails, *entry.may_fail, *entry.verdicts}
    verdict = line.verdict
    if line.id in entry.may_fail or (line.id in OPTIONAL and line.id not in named):
        want, surprise = "either", False
    elif line.id in entry.verdicts:
        want = entry.verdicts[line.id].value
        surprise = verdict is not entry.verdicts[line.id]
    elif line.id in entry.fails:
        want, surprise = "not accepted", verdict in (Verdict.accepted, Verdict.inconclusive)
    else:
        want, surprise = "accepted", verdict is not Verdict.accepted
    surprise = surprise or verdict is Verdict.harness_error
    return Cell(entry=entry.name, seed=seed, criterion=line.id, verdict=verdict, want=want, surprise=surprise)


def _note_margins(margins: dict[tuple[str, str], Margin], entry: Entry, line: CriterionResult) -> None:
    """Keep, for each check that measures, the right answer nearest to failing and the wrong one nearest to passing."""
    for check in line.checks:
        evidence = check.evidence
        found = [
            (label, evidence.get(value), evidence.get(limit))
            for label, value, limit in (("difference", "max_abs_diff", "atol"), ("time", "ratio", "threshold"))
        ]
        for label, value, limit in found:
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not isinstance(limit, int | float)
                or not limit
            ):
                continue
            share = float(value) / float(limit)
            key = (line.id, f"{check.id.split('[')[0]} ({label})")
            margin = margins.setdefault(key, Margin(criterion=line.id, check=key[1]))
            old_right, old_wrong = margin.largest_right, margin.smallest_wrong
            accepted, failed = check.verdict is Verdict.accepted, check.verdict is Verdict.wrong_answer
            if entry.group == "accepted" and accepted and (old_right is None or share > old_right):
                margins[key] = margin.model_copy(update={"largest_right": share, "largest_right_entry": entry.name})
            elif failed and line.id in entry.fails and share > 1 and (old_wrong is None or share < old_wrong):
                margins[key] = margin.model_copy(update={"smallest_wrong": share, "smallest_wrong_entry": entry.name})
