"""Which bugs go into one kit: chosen so that kits are equally hard and no bug hides another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import combinations, pairwise
from random import Random

from grader.errors import UsageError
from grader.kit import cuts
from grader.kit.bugs import Bug, load_bugs

GROUPS = {
    "attention": ("mask", "softmax-axis", "scaling", "heads", "qkv"),
    "structure": ("positions", "residual-norm"),
    "training": ("loss-shift", "train-eval"),
    "generation": ("decoding", "window"),
}
# The first N of these are the groups of a kit of N bugs, so two kits of N differ in bugs and not in kind.
MIX = ("attention", "structure", "training", "generation", "attention")
COUNT = 4
MOST = len(MIX)  # with fewer than half of the eleven classes planted, declaring all of them earns nothing
APART = 3  # lines, at least, from one drawn bug to the next, so that finding one is not finding two
WEIGHT = 2  # the mean weight of a kit's bugs, exactly
TRIES = 200

Shows = Callable[[Sequence[Bug]], str | None]  # None, or why one bug of these would not be noticed beside the others


def clash(bugs: Collection[Bug]) -> str | None:
    """Say why bugs cannot stand in one kit by their text or class alone; None where they can."""
    for one, two in combinations(bugs, 2):
        if one.class_ == two.class_:
            return f"{one.id} and {two.id} are both of class {one.class_}; a kit holds one bug of a class"
        if set(cuts.lines(one)) & set(cuts.lines(two)):
            return f"{one.id} and {two.id} change the same line"
    return None


def named(ids: Sequence[str], positions: str, shows: Shows) -> tuple[Bug, ...]:
    """Give the bugs with these ids, after making sure that they fit together. Raises UsageError where not."""
    known = {name: bug for name, bug in load_bugs().items() if bug.plantable}
    unknown = [name for name in ids if name not in known]
    if unknown:
        raise UsageError(f"no such bug to plant: {', '.join(unknown)}; there are {', '.join(known)}")
    if not 1 <= len(ids) <= MOST:
        raise UsageError(f"{len(ids)} bugs; a kit holds 1 to {MOST}")
    bugs = tuple(known[name] for name in ids)
    unseen = [bug.id for bug in bugs if not bug.shows_with(positions)]
    if unseen:
        raise UsageError(f"{', '.join(unseen)} cannot be seen with {positions} positions; choose the other --positions")
    reason = clash(bugs) or shows(bugs)
    if reason:
        raise UsageError(f"{reason}; choose other --bugs")
    return bugs


def drawn(count: int, seed: int, positions: str, shows: Shows) -> tuple[Bug, ...]:
    """Draw count bugs, always the same for a seed. Raises UsageError for a count that no kit has."""
    if not 1 <= count <= MOST:
        raise UsageError(f"--count is {count}; a kit holds 1 to {MOST} bugs")
    for bugs in candidates(count, Random(seed), positions):
        if shows(bugs) is None:
            return bugs
    raise UsageError(f"seed {seed} gives no kit of {count} bugs in {TRIES} draws; take another --seed")


def candidates(count: int, random: Random, positions: str) -> Iterator[tuple[Bug, ...]]:
    """Draw bugs of the right classes, places and weights; whether they show beside each other is not looked at."""
    pools: dict[str, list[Bug]] = {}
    for bug in load_bugs().values():
        if bug.plantable and bug.class_ and bug.shows_with(positions):
            pools.setdefault(bug.class_, []).append(bug)
    for _ in range(TRIES):
        classes: list[str] = []
        for group in MIX[:count]:  # the class first, so that a class with many bugs is not likelier
            classes.append(random.choice([name for name in GROUPS[group] if name not in classes]))
        fitting = [bugs for bugs in _products([pools[name] for name in classes]) if _fits(bugs)]
        if fitting:
            yield random.choice(fitting)


def _fits(bugs: tuple[Bug, ...]) -> bool:
    if sum(bug.weight for bug in bugs) != WEIGHT * len(bugs) or clash(bugs):
        return False
    places = sorted((cuts.lines(bug) for bug in bugs), key=lambda lines: lines.start)
    return all(second.start - first.stop >= APART - 1 for first, second in pairwise(places))


def _products(pools: Sequence[Sequence[Bug]]) -> Iterator[tuple[Bug, ...]]:
    """Give every choice of one bug from each pool whose weights could still add up."""
    if not pools:
        yield ()
        return
    for bug in pools[0]:
        for rest in _products(pools[1:]):
            yield (bug, *rest)
