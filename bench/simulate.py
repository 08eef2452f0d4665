"""Simulate a hiring season: 100,000 submissions with a peak before the deadline, graded first come, first served.

Says how many nodes keep waiting short, what that costs, and what a cold start for each submission would add. Service
times are wall times of one slot of a node, as `grade` measured them; pass yours with --service.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.terminal import duration

DAY_S = 86_400
DAYS = 14  # the window; the deadline is at its end
LAST_DAY = 0.5  # share of all submissions that come on it
RISE_H = 4.0  # on the last day the rate grows by e in this time
# Seconds of one slot while both processors of a node are busy: right, wrong and hanging submissions (bench/README.md).
SERVICE_S = (12.4, 14.3, 10.9, 10.4, 10.6, 14.7, 15.3, 15.4, 13.9, 9.2, 13.7, 6.5, 20.8, 6.8, 11.0, 0.5, 20.0, 0.5)
COLD_S = 2.4  # of processor time: interpreter and torch of a judge that is not forked from one that has them


@dataclass(frozen=True)
class Result:
    """What a season was like with so many slots; times in seconds."""

    slots: int
    mean: float
    median: float
    p95: float
    longest: float
    peak_use: float  # of the slots, over the last day


def season(count: int, rng: random.Random) -> list[float]:
    """Give arrival times in order: days and nights until the last day, then an exponential rise to the deadline."""
    start, end = (DAYS - 1) * DAY_S, DAYS * DAY_S
    found = []
    for _ in range(count):
        if rng.random() < LAST_DAY:
            found.append(end - min(rng.expovariate(1 / (RISE_H * 3600)), DAY_S))
        else:
            day, hour = rng.randrange(DAYS - 1), rng.triangular(7, 26, 18)  # most come in the evening
            found.append(min(day * DAY_S + hour * 3600, start))
    return sorted(found)


def waits(arrivals: Iterable[float], service: Iterable[float], slots: int) -> list[float]:
    """Give how long each waits for one of the slots: first come, first served."""
    free = [0.0] * slots
    found = []
    for at, takes in zip(arrivals, service, strict=True):
        begins = max(at, free[0])
        heapq.heapreplace(free, begins + takes)
        found.append(begins - at)
    return found


def simulate(arrivals: Sequence[float], service: Sequence[float], slots: int) -> Result:
    found = sorted(waits(arrivals, service, slots))
    last = sum(s for a, s in zip(arrivals, service, strict=True) if a >= (DAYS - 1) * DAY_S)

    def at(share: float) -> float:
        return found[min(len(found) - 1, int(share * len(found)))]

    use = last / (slots * DAY_S)
    return Result(slots, statistics.fmean(found), at(0.5), at(0.95), found[-1], use)


def slots_for(arrivals: Sequence[float], service: Sequence[float], p95_s: float) -> Result:
    """Give the smallest number of slots with which 95 of 100 wait no longer than p95_s."""
    low, high = 1, 2
    while (result := simulate(arrivals, service, high)).p95 > p95_s:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        tried = simulate(arrivals, service, middle)
        if tried.p95 <= p95_s:
            high, result = middle, tried
        else:
            low = middle + 1
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--slots-per-node", type=int, default=2, help="one for each processor")
    parser.add_argument("--price", type=float, default=0.10, help="of a node for an hour, in your currency")
    parser.add_argument("--service", type=float, nargs="+", default=SERVICE_S, help="measured seconds, to draw from")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    arrivals = season(options.count, rng)
    warm = rng.choices(options.service, k=options.count)
    each = options.slots_per_node
    print(f"{options.count:,} submissions in {DAYS} days, {LAST_DAY:.0%} of them on the last; {each} slots a node\n")
    print("| 95 of 100 wait at most | start | nodes | median | longest | use on the last day | cost of 1,000 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for goal in (60, 300, 900, 3600):
        for word, service in (("forked", warm), ("cold", [s + COLD_S for s in warm])):
            found = slots_for(arrivals, service, goal)
            nodes = -(-found.slots // each)
            # Nodes for the last day; before it, as many as the mean rate needs.
            before = sum(s for a, s in zip(arrivals, service, strict=True) if a < (DAYS - 1) * DAY_S)
            hours = nodes * 24 + before / each / 3600
            cost = hours * options.price / options.count * 1000
            print(
                f"| {duration(goal)} | {word} | {nodes} | {duration(found.median)} | {duration(found.longest)} "
                f"| {found.peak_use:.0%} | {cost:.2f} |"
            )


if __name__ == "__main__":
    main()
