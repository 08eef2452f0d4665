"""Kits of one size are equally hard by construction, and differ."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from grader.errors import UsageError
from grader.kit import choice, cuts
from grader.kit.bugs import load_bugs
from grader.models import BUG_CLASSES

SCHEMES = ("learned", "rope")


def always(_: object) -> None:
    """Take every choice as one that shows."""


@pytest.mark.parametrize("positions", SCHEMES)
@pytest.mark.parametrize("count", range(1, choice.MOST + 1))
def test_every_kit_of_a_size_has_the_same_mix_and_weight(count: int, positions: str) -> None:
    """Same number, same groups of classes, same sum of weights; each class once, bugs some lines apart."""
    group_of = {name: group for group, classes in choice.GROUPS.items() for name in classes}
    for seed in range(40):
        bugs = choice.drawn(count, seed, positions, always)
        assert tuple(group_of[bug.class_ or ""] for bug in bugs) == choice.MIX[:count]
        assert sum(bug.weight for bug in bugs) == choice.WEIGHT * count
        assert len({bug.class_ for bug in bugs}) == count
        assert all(bug.plantable and bug.shows_with(positions) for bug in bugs)
        for one, two in combinations(bugs, 2):
            assert min(abs(i - j) for i in cuts.lines(one) for j in cuts.lines(two)) >= choice.APART


@pytest.mark.parametrize("positions", SCHEMES)
def test_every_class_and_nearly_every_bug_is_drawn(positions: str) -> None:
    """No candidate can leave a class out of the search, and kits that were passed on help little."""
    drawn = [bug for seed in range(300) for bug in choice.drawn(choice.COUNT, seed, positions, always)]
    assert {bug.class_ for bug in drawn} == set(BUG_CLASSES)
    pool = {bug.id for bug in load_bugs().values() if bug.plantable and bug.shows_with(positions)}
    assert len({bug.id for bug in drawn}) > 0.9 * len(pool)


def test_groups_hold_every_class_once() -> None:
    """The mix is over all eleven classes."""
    assert sorted(name for classes in choice.GROUPS.values() for name in classes) == sorted(BUG_CLASSES)


def test_a_seed_gives_the_same_bugs() -> None:
    """A kit can be made again; another seed gives another one."""
    first, again, other = (choice.drawn(4, seed, "learned", always) for seed in (1, 1, 2))
    assert first == again != other


def test_what_does_not_show_is_not_drawn() -> None:
    """A choice in which a bug hides behind another is thrown away, and the next one taken."""
    refused = []

    def shows(bugs: object) -> str | None:
        refused.append(bugs)
        return "hidden" if len(refused) < 3 else None

    bugs = choice.drawn(4, 1, "learned", shows)
    assert bugs == refused[2]
    assert bugs == list(choice.candidates(4, Random(1), "learned"))[2]
    with pytest.raises(UsageError, match="another --seed"):
        choice.drawn(1, 1, "learned", lambda _: "hidden")


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        (["no-such"], "no such bug to plant: no-such"),
        (["matmul-sign"], "no such bug to plant"),
        (["cache-stale"], "no such bug to plant"),
        (["mask-upper", "mask-none"], "both of class mask"),
        (["mask-none", "softmax-over-queries"], "change the same line"),
        (["rope-base"], "cannot be seen with learned"),
        (["mask-upper", "scale-none", "loss-sign", "norm-reused", "window-half", "heads-only-one"], "1 to 5"),
    ],
)
def test_bugs_that_do_not_fit_are_refused_with_the_reason(ids: list[str], reason: str) -> None:
    """Whoever names bugs learns which of them cannot be, and why."""
    with pytest.raises(UsageError, match=reason):
        choice.named(ids, "learned", always)


def test_named_bugs_must_show() -> None:
    """Bugs by name are held to the same rule as drawn ones."""
    with pytest.raises(UsageError, match="hides; choose other"):
        choice.named(["loss-sign"], "learned", lambda _: "loss-sign hides")
    assert [bug.id for bug in choice.named(["loss-sign"], "learned", always)] == ["loss-sign"]


@pytest.mark.parametrize("count", [0, 6, -1])
def test_a_count_that_no_kit_has_is_refused(count: int) -> None:
    """With more bugs than half of the classes, declaring all of them would pay."""
    with pytest.raises(UsageError, match="1 to 5"):
        choice.drawn(count, 1, "learned", always)
