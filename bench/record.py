"""Show what was measured as a table, and keep it with the machine and the versions that it was measured on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from grader import __version__

RESULTS = Path(__file__).resolve().parent / "results"


def keep(name: str, rows: list[tuple[str, str]], **more: Any) -> None:
    """Print rows of (what, figure) and write them, with more, to bench/results/NAME.json."""
    print("| what | figure |\n| --- | --- |")
    for what, figure in rows:
        print(f"| {what} | {figure} |")
    RESULTS.mkdir(exist_ok=True)
    record = surroundings() | more | {"figures": dict(rows)}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def surroundings() -> dict[str, Any]:
    """Give when, on what and with what something was measured."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    processor = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=RESULTS.parent, capture_output=True, text=True, check=False
    )
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": processor.partition(":")[2].strip(),
            "processors": len(os.sched_getaffinity(0)),
            "memory_gib": round(int(memory.split()[1]) / 2**20, 1),
            "system": platform.platform(),
            "load": round(os.getloadavg()[1], 2),
        },
        "versions": {"grader": __version__, "commit": commit.stdout.strip(), "python": platform.python_version()}
        | {package: version(package) for package in ("torch", "numpy", "pydantic")},
    }
