"""Measure what one grade costs: wall time over `import torch`, time of `grade --help`, peak memory of each process.

The two commands of a ratio run in turn, in an order that flips each round, so that a slow minute of the machine slows
both. Memory is read in a run of its own, since reading it takes time from the run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record

ROOT = Path(__file__).resolve().parent.parent
GRADE = [str(Path(sys.executable).parent / "grade")]
IMPORT_TORCH = [sys.executable, "-c", "import torch"]
SAMPLE_EVERY_S = 0.02


def wall_s(command: list[str]) -> float:
    """Run command and give its wall time. Raises CalledProcessError when it fails."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def paired(first: list[str], second: list[str], rounds: int) -> list[tuple[float, float]]:
    """Time both commands once a round, first and second in turn going first; a round before the count warms up."""
    times = []
    for number in range(rounds + 1):
        if number % 2:
            b = wall_s(second)
            a = wall_s(first)
        else:
            a = wall_s(first)
            b = wall_s(second)
        if number:
            times.append((a, b))
    return times


def descendants(pid: int) -> list[int]:
    """Give the processes below pid that live now."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        children = [child for child, its_parent in parents.items() if its_parent == parent]
        found += children
        todo += children
    return found


def role(pid: int) -> str | None:
    """Tell whether a process is the worker, the judge or the command line; None for any other."""
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    if Path(arguments[0]).name.startswith("bwrap"):
        return None  # its arguments name the worker too
    if any(argument.endswith("grader/worker/__main__.py") for argument in arguments):
        return "worker"
    if any("multiprocessing.spawn" in argument or "multiprocessing.forkserver" in argument for argument in arguments):
        return "judge"
    if any(Path(argument).name == "grade" for argument in arguments[:2]):
        return "command line"
    return None


def peak_mib(command: list[str]) -> dict[str, float]:
    """Run command and give the largest resident memory (VmHWM) that a process of each role reached."""
    peaks: dict[str, float] = {}
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        for pid in [process.pid, *descendants(process.pid)]:
            try:
                name = role(pid)
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # it ended meanwhile
            for line in status.splitlines():
                if name and line.startswith("VmHWM:"):
                    peaks[name] = max(peaks.get(name, 0.0), int(line.split()[1]) / 1024)
        time.sleep(SAMPLE_EVERY_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peaks


def spread(values: list[float], unit: str, digits: int = 2) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f})".replace("  ", " ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--submission", default="submissions/alice")
    options = parser.parse_args()
    subprocess.run([sys.executable, "-m", "compileall", "-q", "grader"], cwd=ROOT, check=True)

    with tempfile.TemporaryDirectory() as out:
        command = [*GRADE, options.submission, "--sandbox", options.sandbox, "--out", out, "--seed", "1"]
        times = paired(command, IMPORT_TORCH, options.rounds)
        peaks = peak_mib(command)
    helps = [wall_s([*GRADE, "--help"]) for _ in range(options.rounds)]

    rows = [
        (f"grade {options.submission}, {options.sandbox}", spread([a for a, _ in times], "s")),
        ('python -c "import torch"', spread([b for _, b in times], "s")),
        ("ratio of the two, paired", spread([a / b for a, b in times], "x")),
        ("grade --help", spread([1000 * value for value in helps], "ms", 0)),
        *((f"peak memory, {name}", f"{peaks[name]:.0f} MiB") for name in sorted(peaks)),
    ]
    print(f"{options.rounds} rounds; median (smallest to largest)\n")
    name = f"one-{Path(options.submission).name}-{options.sandbox}"
    record.keep(name, rows, rounds=options.rounds)


if __name__ == "__main__":
    main()
