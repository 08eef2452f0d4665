"""One scorecard, ready for templates/report.html.j2: sections, criteria, the sentence on top, any doubts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grader.models import DIAGNOSIS, CheckResult, CriterionResult, Outcome, Rubric, Scorecard, Verdict
from grader.report import draw
from grader.report.evidence import Caps, CheckView, check_view
from grader.report.text import counted, points, short, worth
from grader.report.words import MARKS, Mark, section_title

BAR_W = 400.0
MOST_NAMED = 5
PARTICULARS = re.compile(r"'[^']*'|-?\d[\d.,e+-]*")  # what a message tells of drawn inputs: numbers, and text
WHERE = re.compile(r"^.{1,80}?(?= raised | is not one: | did not end )")  # which call met a fault
SEVERAL = 3  # criteria that one fault costs, to be told once for all of them


@dataclass(frozen=True)
class CriterionView:
    """One criterion with its checks."""

    result: CriterionResult
    mark: Mark
    rationale: str
    lost: bool  # and named on top
    is_told: bool  # what it was lost by is told above, for all criteria with it
    checks: tuple[CheckView, ...]
    more_checks: int
    same_fault: str  # a message that all checks that fail share, shown once
    duration_s: float
    command: str

    @property
    def is_open(self) -> bool:
        """Say whether a reader sees its checks at once."""
        return self.lost and not self.is_told


@dataclass(frozen=True)
class SectionView:
    """A group of criteria and its bar."""

    name: str
    title: str
    criteria: tuple[CriterionView, ...]
    earned: float
    possible: float
    bonus_earned: float
    bonus_possible: float
    bar: tuple[draw.Segment, ...]

    @property
    def lost(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """Give what was lost by verdict: (word, ((id, its name within the section), ...))."""
        words: dict[str, list[tuple[str, str]]] = {}
        for c in self.criteria:
            if c.lost:
                words.setdefault(c.mark.word, []).append((c.result.id, c.result.id.split(".")[-1]))
        return tuple((word, tuple(found)) for word, found in words.items())

    @property
    def unused_bonus(self) -> tuple[CriterionView, ...]:
        return tuple(c for c in self.criteria if c.result.bonus and c.result.verdict is Verdict.missing)


def lost(result: CriterionResult) -> bool:
    """Say whether a reader has to look at this criterion; a bonus that was not handed in is no loss."""
    if result.verdict.is_fine:
        return False
    return not (result.bonus and result.verdict is Verdict.missing)


def sections(card: Scorecard, rubric: Rubric, caps: Caps) -> tuple[SectionView, ...]:
    """Group the criteria by section, in the scorecard's order."""
    groups: dict[str, list[CriterionResult]] = {}
    for result in card.criteria:
        groups.setdefault(result.section, []).append(result)
    widest = max((sum(r.points for r in group) for group in groups.values()), default=1.0) or 1.0
    rationales = {line.id: line.rationale for line in rubric.criteria}
    told = {result.id for cause in causes(card) for result in cause.told}
    views = []
    for name, group in groups.items():
        counted = [r for r in group if r.verdict is not Verdict.not_applicable]
        base, bonus = [r for r in counted if not r.bonus], [r for r in counted if r.bonus]
        parts = [(r.points, r.earned, tone(r), r.bonus) for r in group]
        views.append(
            SectionView(
                name=name,
                title=section_title(name),
                criteria=tuple(_criterion(r, rationales.get(r.id, ""), r.id in told, card, caps) for r in group),
                earned=sum(r.earned for r in base),
                possible=sum(r.points for r in base),
                bonus_earned=sum(r.earned for r in bonus),
                bonus_possible=sum(r.points for r in bonus),
                bar=draw.segments(parts, BAR_W / widest),
            )
        )
    return tuple(views)


def tone(result: CriterionResult) -> str:
    """Give the colour of a criterion: a bonus that was not handed in is empty, not red."""
    return MARKS[result.verdict].tone if lost(result) or result.verdict is Verdict.accepted else "none"


def _criterion(result: CriterionResult, rationale: str, is_told: bool, card: Scorecard, caps: Caps) -> CriterionView:
    # What fails stands above what holds; the order of the checks is kept within both.
    ordered = sorted(result.checks, key=lambda check: check.verdict.is_fine)
    shown = ordered[: caps.checks]
    failing = [check.message for check in ordered if not check.verdict.is_fine]
    return CriterionView(
        result=result,
        mark=replace(MARKS[result.verdict], tone=tone(result)),
        rationale=rationale,
        lost=lost(result),
        is_told=is_told,
        checks=_checks(shown, caps),
        more_checks=len(ordered) - len(shown),
        same_fault=short(failing[0], caps.message) if len(failing) > 1 and len(set(failing)) == 1 else "",
        duration_s=sum(check.duration_s for check in result.checks),
        command=command(card, result.id),
    )


def _checks(checks: Sequence[CheckResult], caps: Caps) -> tuple[CheckView, ...]:
    """Prepare checks; one that fails as the same check does under another scheme folds below that one."""
    views, seen = [], set()
    for check in checks:
        gist = (check.id.partition("[")[0], check.verdict, PARTICULARS.sub("", check.message))
        views.append(replace(check_view(check, caps), is_alike=gist in seen))
        seen.add(gist)
    return tuple(views)


def message(result: CriterionResult) -> str:
    """Give the first that a check says which came to the criterion's verdict."""
    return next((check.message for check in result.checks if check.verdict is result.verdict and check.message), "")


@dataclass(frozen=True)
class Cause:
    """What several criteria were lost by: something that is missing, or one fault that all of them met."""

    message: str
    criteria: tuple[CriterionResult, ...]

    @property
    def is_missing(self) -> bool:
        return self.criteria[0].verdict is Verdict.missing

    @property
    def told(self) -> tuple[CriterionResult, ...]:
        """Give the criteria that need not show it: of a fault, all but the first."""
        return self.criteria if self.is_missing else self.criteria[1:]

    @property
    def cost(self) -> str:
        """Say what it costs, bonus points only where there are no others."""
        base = sum(result.points - result.earned for result in self.criteria if not result.bonus)
        return worth(base) if base else worth(sum(r.points - r.earned for r in self.criteria), "bonus point")

    @property
    def summary(self) -> str:
        """Say in a line what was lost by it."""
        return f"{counted(len(self.criteria), 'criterion', 'criteria')}, {self.cost}: {self.message}"


def causes(card: Scorecard) -> tuple[Cause, ...]:
    """Gather the criteria that are lost because something is missing, or by a fault that several have in common."""
    groups: dict[tuple[bool, str], list[CriterionResult]] = {}
    for result in card.criteria:
        if lost(result) and result.verdict not in (Verdict.inconclusive, Verdict.harness_error):
            said = message(result)
            groups.setdefault((result.verdict is Verdict.missing, WHERE.sub("", said)), []).append(result)
    found = []
    for (is_missing, said), results in groups.items():
        if is_missing or (said and len(results) >= SEVERAL):
            found.append(Cause(short(message(results[0]), 300) or "not handed in", tuple(results)))
    return tuple(found)


def has_no_key(card: Scorecard) -> bool:
    """Say whether the diagnosis was not judged, for want of the kit's key."""
    checks = [check for result in card.criteria if result.id == DIAGNOSIS for check in result.checks]
    return any(check.evidence.get("kit_without_key") is True for check in checks)


def command(card: Scorecard, criterion: str) -> str:
    """Give the command that repeats one criterion on the inputs of this run, in a folder where it replaces nothing."""
    kit = f" --kit {card.submission.kit}" if criterion == DIAGNOSIS and card.submission.kit else ""
    return f"grade SUBMISSION --only {criterion} --seed {card.run.seed}{kit} --out again"


# --- the sentence on top ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Headline:
    """The verdict in one sentence, with the tone of its colour and icon."""

    tone: str
    text: str
    named: tuple[tuple[str, str], ...] = ()  # lost criteria, beside those in the text, and the points they cost
    more: int = 0
    besides: bool = False


def headline(card: Scorecard) -> Headline:
    """Say what came out, in one sentence."""
    if card.outcome is Outcome.rejected:
        return Headline("fail", f"Rejected, so nothing was run: {short(card.reason, 600)}")
    if card.outcome is Outcome.harness_error:
        return Headline("warn", f"No score, by a fault of the harness: {short(card.reason, 600)}")
    base = [r for r in card.criteria if not r.bonus and r.verdict is not Verdict.not_applicable]
    failed = sorted((r for r in base if lost(r)), key=lambda r: r.earned - r.points)
    if not base:
        return Headline("none", "Nothing was graded.")
    run = " that were run" if card.run.only else ""
    if not failed:
        text = f"All {len(base)} criteria{run} are accepted." if len(base) > 1 else "Accepted."
        missed = [r.id for r in card.criteria if r.bonus and lost(r)]
        return Headline("pass", text + (f" Bonus lost: {', '.join(missed)}." if missed else ""))
    if all(r.verdict is Verdict.missing for r in base):
        return Headline("fail", f"Nothing to grade: all {len(base)} criteria miss their file.")
    verb = "is" if len(failed) == 1 else "are"
    text = f"{len(failed)} of {len(base)} criteria{run} {verb} not accepted." if len(base) > 1 else "Not accepted."
    shared = [cause for cause in causes(card) if any(not r.bonus for r in cause.criteria)]
    text += "".join(f" {cause.cost}: {cause.message.rstrip('.')}." for cause in shared)
    elsewhere = {r.id for cause in shared for r in cause.criteria}
    own = [r for r in failed if r.id not in elsewhere]
    named = tuple((r.id, points(r.points - r.earned)) for r in own[:MOST_NAMED])
    tone = "warn" if all(MARKS[r.verdict].tone == "warn" for r in failed) else "fail"
    return Headline(tone, text, named, len(own) - len(named), bool(shared))


def doubts(card: Scorecard) -> tuple[str, ...]:
    """Say what limits confidence in this scorecard; nothing where it is complete."""
    found = []
    if card.outcome is not Outcome.graded:
        return ()
    if card.pending:
        open_ids = [r.id for r in card.criteria if r.verdict is Verdict.inconclusive]
        found.append(
            f"{points(card.pending)} points wait for a person: {', '.join(open_ids[:8])} measured inconclusive"
        )
    if card.run.rescored and (kept := card.run.rescored[-1].doubts):
        found.append(
            "scored by another rubric than it was graded by, and what is stored does not settle: "
            + "; ".join(short(text, 200) for text in kept[:6])
            + (f"; and {len(kept) - 6} more" if len(kept) > 6 else "")
        )
    if card.run.only:
        found.append(f"only criteria that match {short(card.run.only, 80)} were run; the score covers nothing else")
    if mild := [text for text in card.run.best_effort if text not in card.run.weak]:
        names = "; ".join(short(name, 120) for name in mild[:6])
        found.append(f"limits that this sandbox holds by best effort: {names}")
    if has_no_key(card):
        found.append("this machine has no key for the kit, so the diagnosis, whatever it says, earned nothing")
    if card.submission.refused:
        first, why = next(iter(card.submission.refused.items()))
        rest = len(card.submission.refused) - 1
        more = f"; and {counted(rest, 'more file')} (see provenance)" if rest else ""
        found.append(f"{short(first, 80)} did not come in: {short(why, 120)}{more}")
    return tuple(found)
