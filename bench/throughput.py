"""Measure a batch: submissions a minute with one, two and four at once, processor time of each, and the cohort's pages.

Processor time is what the whole machine used, since sandboxes are killed and never report theirs: run this alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record

from grader import rubric
from grader.models import Scorecard
from grader.project import DEFAULT_RUBRIC
from grader.report import html
from grader.store import Store

ROOT = Path(__file__).resolve().parent.parent
GRADE = str(Path(sys.executable).parent / "grade")


def busy_s() -> float:
    """Give the processor time that this machine has used since it started, idle and waiting time left out."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command and give its wall time and the machine's processor time. Raises CalledProcessError."""
    started, before = time.perf_counter(), busy_s()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started, busy_s() - before


def batches(count: int, at_once: list[int], sandbox: str) -> list[tuple[str, str]]:
    rows, pace = [], {}
    floors = [measured([sys.executable, "-c", "import torch"], ROOT)[1] for _ in range(3)]
    floor_s = statistics.median(floors)
    with tempfile.TemporaryDirectory() as folder:
        names = [f"alice{i}" for i in range(count)]
        for name in names:
            shutil.copytree(ROOT / "submissions" / "alice", Path(folder) / name)
        for jobs in at_once:
            out = f"reports{jobs}"
            command = [GRADE, *names, "-j", str(jobs), "--sandbox", sandbox, "--out", out, "--seed", "1"]
            wall_s, cpu_s = measured(command, Path(folder))
            pace[jobs] = count / wall_s
            cards = [Scorecard.model_validate_json(p.read_bytes()) for p in Path(folder, out).glob("*/scorecard.json")]
            each = statistics.median(card.run.duration_s for card in cards)
            rows += [
                (f"-j {jobs}: submissions a minute", f"{60 * pace[jobs]:.1f}"),
                (f"-j {jobs}: processor time of one, over `import torch`", f"{cpu_s / count / floor_s:.2f} x"),
                (f"-j {jobs}: seconds of one, from its start", f"{each:.1f} s"),
            ]
    first = at_once[0]
    rows += [(f"-j {jobs} over -j {first}", f"{pace[jobs] / pace[first]:.2f} x") for jobs in at_once[1:]]
    return rows


def pages(sizes: list[int]) -> list[tuple[str, str]]:
    """Time the cohort page over stored scorecards, and one report."""
    lines = rubric.load(DEFAULT_RUBRIC)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        command = [GRADE, "submissions/alice", "submissions/bob", "--sandbox", "bubblewrap", "--out", folder]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        made = [Path(folder, name, "scorecard.json").read_text() for name in ("alice", "bob")]
        cards = [Scorecard.model_validate_json(text) for text in made]
        times = []
        for _ in range(9):
            started = time.perf_counter()
            html.render_report(cards[1], lines)
            times.append(time.perf_counter() - started)
        rows.append(("one report", f"{1000 * statistics.median(times):.0f} ms"))
        for size in sizes:
            store = Store(Path(folder) / f"cohort{size}")
            for i in range(size):
                store.keep(cards[i % 2].model_copy(update={"submission": _named(cards[i % 2], f"s{i}")}))
            started = time.perf_counter()
            page, _ = store.index(lines)
            took = time.perf_counter() - started
            rows.append((f"cohort page of {size:,}", f"{took:.2f} s, {page.stat().st_size / 1e6:.1f} MB"))
    return rows


def _named(card: Scorecard, name: str) -> object:
    return card.submission.model_copy(update={"name": name})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--cohorts", type=int, nargs="*", default=[10, 100, 1000, 5000])
    options = parser.parse_args()
    rows = pages(options.cohorts) + (batches(options.count, options.jobs, options.sandbox) if options.jobs else [])
    record.keep(f"batch-{options.sandbox}", rows, count=options.count)


if __name__ == "__main__":
    main()
