"""Compare costs without luck: side by side, interleaved, one thread, medians of paired ratios."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from grader.candidate import Candidate, CandidateFault
from grader.models import Evidence, Verdict

Work = Callable[[], object]
MANY = 48  # pairs
# The share of its time that work computes, at best, over what ours mostly does. Right ones reach 0.9 on an idle machine
# and 1.1 or more with 2, 8 or 60 busy loops beside; one that sleeps five times as long as it computes, 0.32 at most.
AWAKE = 0.4
DOZING = 0.1  # the same where all processors are taken: right ones reach 0.2 in an engine that others keep busy
IDLE = 0.5  # processors that idle on a machine which is not busy
FAR = 2


@dataclass(frozen=True)
class Clock:
    """CPU time of the sandbox where the host can read it, else wall time; the judge's own side by the same measure."""

    candidate: Candidate

    @property
    def unit(self) -> str:
        return "wall" if self.candidate.cpu_s() is None else "cpu"

    def remote(self, work: Work) -> float:
        """Seconds that the sandbox took for work: all processes and threads in it."""
        before, started = self.candidate.cpu_s(), time.perf_counter()
        work()
        after, ended = self.candidate.cpu_s(), time.perf_counter()
        return ended - started if before is None or after is None else after - before

    def local(self, work: Work) -> float:
        """Seconds that this process took for work."""
        if self.unit == "wall":
            started = time.perf_counter()
            work()
            return time.perf_counter() - started
        started = time.thread_time()  # torch has one thread here
        work()
        return time.thread_time() - started


def expect_not_asleep(shares: list[tuple[float, float]], pair: Work, what: str) -> None:
    """Demand that what is cheap in CPU time does not spend its time waiting instead.

    shares are CPU over wall seconds of what is judged and, in the same pair, of ours; pair adds one of each. A busy
    machine makes most runs wait, ours as well, but not every one of many; who sleeps, sleeps in each. An engine may
    have its sandboxes wait longer than us: where no processor was idle, only who hardly computes is known to sleep.
    """

    def awake() -> float:
        theirs, ours = zip(*shares, strict=True)
        return float(max(theirs) / min(statistics.median(ours), 1.0))

    started, idle = time.monotonic(), idle_s()
    while awake() < AWAKE and len(shares) < MANY:
        pair()
    is_quiet = idle_s() - idle > IDLE * (time.monotonic() - started)
    if awake() < (AWAKE if is_quiet else DOZING):
        share = f"more than {awake():.0%} of the time that ours mostly did"
        text = f"{what}: in none of {len(shares)} runs did it compute for {share}; it waits, or sleeps"
        raise CandidateFault(Verdict.wrong_answer, text)


def idle_s() -> float:
    """Give the seconds that the processors of this machine have idled, all together; 0 where it does not say."""
    try:
        idle, waiting = Path("/proc/stat").read_text().split(maxsplit=6)[4:6]
    except (OSError, ValueError):
        return 0.0
    return (int(idle) + int(waiting)) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios with a 95 % bootstrap interval."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        rng = random.Random(0)
        medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(400))
        return cls(statistics.median(ratios), medians[9], medians[-10])


def expect_ratios_below(
    threshold: float, what: str, pairs: Sequence[Callable[[], float]], evidence: Evidence, most: int = 12
) -> None:
    """Demand of each of several paired ratios that it stay below threshold; once is enough where all are far below."""
    ratios: list[float] = []
    for pair in pairs:
        ratios.append(pair())
        if ratios[-1] > threshold * FAR:
            break  # another of the same will settle that it fails: no need to measure what comes after
    if max(ratios) < threshold / FAR:
        low, high = round(min(ratios), 4), round(max(ratios), 4)
        evidence |= {"ratio": high, "interval": [low, high], "threshold": threshold}
        evidence |= {"measured": "largest", "pairs": len(ratios)}
        return
    for pair, known in sorted(zip_longest(pairs, ratios), key=lambda both: -(both[1] or 0)):
        expect_ratio_below(threshold, what, pair, evidence, most=most, known=known)


def expect_ratio_below(
    threshold: float,
    what: str,
    pair: Callable[[], float],
    evidence: Evidence,
    first: int = 5,
    most: int = 25,
    known: float | None = None,
) -> None:
    """Demand that the median of paired ratios, of which one may be known already, stays below threshold.

    Two pairs settle what is far off. Else an interval that straddles the threshold is measured again, with more pairs;
    if it still does the verdict is inconclusive, for a person to decide.
    """
    ratios = [pair() if known is None else known, pair()]
    settled = max(ratios) < threshold / FAR or min(ratios) > threshold * FAR
    while not settled and len(ratios) < most:
        ratios += [pair() for _ in range(max(len(ratios), first - len(ratios)))]
        ratio = Ratio.of(ratios)
        settled = ratio.high < threshold or ratio.low > threshold
    ratio = Ratio.of(ratios)
    evidence |= {
        "ratio": round(ratio.median, 4),
        "interval": [round(ratio.low, 4), round(ratio.high, 4)],
        "threshold": threshold,
        "measured": "median",
        "pairs": len(ratios),
    }
    spread = "95 % interval" if len(ratios) >= first else f"{len(ratios)} pairs,"
    text = f"{what}: ratio {ratio.median:.3g} ({spread} {ratio.low:.3g} to {ratio.high:.3g}), threshold {threshold:g}"
    if not settled:
        raise CandidateFault(Verdict.inconclusive, f"{text}; {len(ratios)} pairs do not settle it", dict(evidence))
    if ratio.median > threshold:
        raise CandidateFault(Verdict.wrong_answer, text, dict(evidence))
