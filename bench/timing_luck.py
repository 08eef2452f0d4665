"""Show how often the timing criteria are right: each variant, sandbox and number of busy loops beside, many times over.

A cell has one sandbox; each run in it is judged by the check itself, on fresh inputs, with the submission in a fresh
process. What a variant is comes from the corpus of known truth.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import record
import torch

from grader import rubric, submission
from grader.candidate import Candidate, CandidateFault
from grader.checks import check_cost
from grader.checks.cases import Draw
from grader.models import Evidence, Rubric, Verdict
from grader.project import DATA, DEFAULT_RUBRIC
from grader.sandbox import choose
from grader.validity.corpus import Entry, load
from grader.validity.measure import Rate

CHECKS: dict[str, Callable[..., None]] = {
    "decode_step_is_linear": check_cost.check_decode_step_is_linear,
    "cached_generation_is_linear": check_cost.check_cached_generation_is_linear,
    "time_is_near_torchs_own": check_cost.check_time_is_near_torchs_own,
}
CACHE = ("decode_step_is_linear", "cached_generation_is_linear")
MATMUL = ("time_is_near_torchs_own",)
# Entry of the corpus (the reference where there is none), what it is, and its checks.
VARIANTS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "the reference": (None, (*CACHE, *MATMUL)),
    "right, twice as slow": ("cache-computed-twice", CACHE),
    "copies the cache at every step": ("cache-tuple-cloned", CACHE),
    "recomputes": ("cache-fake", CACHE),
    "recomputes beyond 256": ("cache-fake-beyond-256", CACHE),
    "matmul, twice as slow": ("mm-computed-twice", MATMUL),
    "matmul, seven times as slow": ("mm-recomputes", MATMUL),
    "matmul, asleep most of the time": ("mm-sleeps", MATMUL),
}


@dataclass
class Cell:
    """What a variant got, in one sandbox, with so many loops beside."""

    variant: str
    sandbox: str
    loops: int
    right: bool  # whether it should be accepted
    unit: str  # of the clock
    verdicts: dict[str, int]
    ratios: tuple[float, float, float]  # smallest, median, largest of the worst check, over its threshold
    seconds: float

    @property
    def runs(self) -> int:
        return sum(self.verdicts.values())

    @property
    def wrong(self) -> int:
        """Runs with the wrong verdict; an inconclusive one is neither."""
        wrong = Verdict.wrong_answer if self.right else Verdict.accepted
        return self.verdicts.get(wrong, 0)


@contextlib.contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep so many processes computing beside."""
    code = "while True: pass"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def judge(candidate: Candidate, names: tuple[str, ...], seed: int, lines: Rubric) -> tuple[Verdict, float]:
    """Give the verdict of the checks on one run, the worst of them, and its ratio over the threshold."""
    worst, verdict = 0.0, Verdict.accepted
    for name in names:
        evidence: Evidence = {}
        draw = Draw(seed, name)
        candidate.enter("matmul" if name in MATMUL else "cache")
        candidate.seed = draw.integer(1, 2**31)
        known: dict[str, Any] = {"candidate": candidate, "draw": draw, "rubric": lines, "evidence": evidence}
        if name in CACHE:
            # Nothing else was judged; each variant's chunks are right, and timed.
            known["verdict_of"] = lambda name: Verdict.accepted if name == "cache.chunks" else None
        try:
            CHECKS[name](**known)
        except CandidateFault as fault:
            evidence |= fault.evidence
            if verdict is not Verdict.wrong_answer:
                verdict = fault.verdict
        ratio, threshold = evidence.get("ratio"), evidence.get("threshold")
        if isinstance(ratio, float) and isinstance(threshold, float):
            worst = max(worst, ratio / threshold)
    return verdict, worst


def measure(variant: str, entry: Entry, sandbox: str, loops: int, runs: int, lines: Rubric, wall: bool) -> Cell:
    """Judge one variant `runs` times, in one sandbox."""
    names = VARIANTS[variant][1]
    backend = choose(sandbox)
    backend.prepare(partial(print, file=sys.stderr))
    with TemporaryDirectory() as folder:
        entry.lay(Path(folder) / entry.name)
        files = submission.read(Path(folder) / entry.name, lines.limits).files
    limits = lines.limits.model_copy(update={"part_s": 1e6})  # the budget is of one run, not of them all
    candidate = Candidate(files, {}, limits, lambda: backend.open(limits))
    if wall:
        candidate.cpu_s = lambda: None  # type: ignore[method-assign] # as where no control group is readable
    verdicts: Counter[str] = Counter()
    ratios = []
    started = time.monotonic()
    try:
        candidate.boot(backend.open(limits))
        with busy(loops):
            for seed in range(runs):
                candidate.enter("scan")  # and back: each run has a fresh process
                verdict, ratio = judge(candidate, names, seed, lines)
                verdicts[str(verdict)] += 1
                ratios.append(ratio)
        unit = check_cost.Clock(candidate).unit
    finally:
        candidate.close()
    spread = (round(min(ratios), 3), round(statistics.median(ratios), 3), round(max(ratios), 3))
    right = not entry.fails
    return Cell(variant, sandbox, loops, right, unit, dict(verdicts), spread, round(time.monotonic() - started, 1))


def table(cells: list[Cell]) -> str:
    """Give the cells as a Markdown table, with both error rates below."""
    heads = ("variant", "sandbox", "loops", "clock", "verdicts", "ratio over threshold")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for cell in cells:
        said = ", ".join(f"{word} {n}" for word, n in sorted(cell.verdicts.items()))
        low, middle, high = cell.ratios
        row = (cell.variant, cell.sandbox, cell.loops, cell.unit, said, f"{middle:.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {' | '.join(map(str, row))} |")
    for word, right in (("false fails", True), ("false passes", False)):
        if chosen := [cell for cell in cells if cell.right is right]:
            undecided = sum(cell.verdicts.get(Verdict.inconclusive, 0) for cell in chosen)
            rate = Rate(hits=sum(cell.wrong for cell in chosen), of=sum(cell.runs for cell in chosen))
            lines.append(f"\n{word}: {rate}; inconclusive: {undecided}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--loops", type=int, nargs="+", default=[0, 2, 4])
    parser.add_argument("--sandbox", nargs="+", default=["bubblewrap", "docker"])
    parser.add_argument("--variant", default="*", help="only variants that match this glob")
    parser.add_argument("--wall", action="store_true", help="hide the control group: time by the clock on the wall")
    parser.add_argument("--out", type=Path, default=record.RESULTS / "timing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = rubric.load(DEFAULT_RUBRIC)
    known = {entry.name: entry for entry in load(DATA / "tests" / "corpus")}
    reference = Entry(name="reference", group="accepted", folder=None, why="the reference")
    cells = []
    for sandbox in options.sandbox:
        for loops in options.loops:
            for variant, (name, _) in VARIANTS.items():
                if fnmatch.fnmatch(variant, options.variant):
                    entry = known[name] if name else reference
                    cell = measure(variant, entry, sandbox, loops, options.runs, lines, options.wall)
                    cells.append(cell)
                    print(asdict(cell), file=sys.stderr, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    kept = record.surroundings() | {"cells": [asdict(cell) for cell in cells]}
    options.out.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(cells) + "\n")
    print(table(cells))


if __name__ == "__main__":
    main()
