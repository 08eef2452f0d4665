"""What decides about measured times, with times that are made up: no clock of this machine is in it."""

from __future__ import annotations

import itertools

import pytest

from grader.candidate import CandidateFault
from grader.checks import timing
from grader.checks.timing import MANY, expect_not_asleep, expect_ratio_below
from grader.models import Evidence, Verdict


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with idle processors."""
    seconds = itertools.count(step=1000)
    monkeypatch.setattr(timing, "idle_s", lambda: float(next(seconds)))


def asleep(*runs: tuple[float, float], ours: float = 1.0) -> int:
    """Give how many runs it took to find that nobody sleeps; each is (wall s, CPU s), the last ones over and over. Ours
    computes for a share of its time."""
    more = itertools.cycle(runs[1:] or runs)
    shares = [(runs[0][1] / runs[0][0], ours)]

    def pair() -> None:
        wall_s, cpu_s = next(more)
        shares.append((cpu_s / wall_s, ours))

    expect_not_asleep(shares, pair, "the work")
    return len(shares)


def test_a_machine_that_is_busy_is_not_taken_for_sleep() -> None:
    """Waiting for a processor makes many runs long; one that computed most of its time settles it, or that ours waits
    as long."""
    assert asleep((0.010, 0.006)) == 1
    assert asleep((0.3, 0.01), (0.2, 0.01), (0.5, 0.01), (0.4, 0.01), (0.018, 0.01)) == 5
    assert asleep((0.1, 0.01), ours=0.1) == 1


@pytest.mark.parametrize("ours", [0.2, 1.0, 1.01])
@pytest.mark.parametrize("cpu_s", [0.0, 0.002, 0.05])
def test_sleep_in_every_run_is_found_whatever_is_computed(cpu_s: float, ours: float) -> None:
    """Who computes for twice as long may sleep no longer for that, nor on a busy machine."""
    with pytest.raises(CandidateFault) as caught:
        asleep((3 * cpu_s / ours + 0.1, cpu_s), ours=ours)
    assert caught.value.verdict is Verdict.wrong_answer and f"in none of {MANY} runs" in str(caught.value)


def test_where_no_processor_is_idle_only_who_hardly_computes_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine may schedule its sandboxes apart from us, and have them wait while we do not."""
    monkeypatch.setattr(timing, "idle_s", lambda: 0.0)
    assert asleep((0.05, 0.01)) == MANY
    with pytest.raises(CandidateFault, match="it waits, or sleeps"):
        asleep((0.31, 0.01))


def judged(*ratios: float) -> tuple[Verdict, int]:
    """Give the verdict on ratios that come in turn, over and over, with threshold 3, and how many it took."""
    taken: list[float] = []
    source = itertools.cycle(ratios)

    def pair() -> float:
        taken.append(next(source))
        return taken[-1]

    evidence: Evidence = {}
    try:
        expect_ratio_below(3.0, "the work", pair, evidence)
    except CandidateFault as fault:
        return fault.verdict, len(taken)
    return Verdict.accepted, len(taken)


def test_what_is_far_off_is_settled_by_two_and_what_is_near_by_many() -> None:
    """Clear cases cost little; near ones are measured until the interval leaves the threshold, or a person decides."""
    assert judged(1.0) == (Verdict.accepted, 2)
    assert judged(9.0) == (Verdict.wrong_answer, 2)
    assert judged(2.0, 2.1) == (Verdict.accepted, 5)
    assert judged(4.0, 4.1) == (Verdict.wrong_answer, 5)
    assert judged(1.4, 9.0) == (Verdict.inconclusive, 40)


def test_one_slow_pair_decides_nothing() -> None:
    """A burst of load in some pairs moves the median no further than their share."""
    assert judged(1.2, 40.0, 1.2, 1.3, 1.2, 1.25, 1.2, 1.3, 1.2)[0] is Verdict.accepted
