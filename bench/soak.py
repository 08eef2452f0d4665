"""Grade many submissions, a third of them hostile, kill the grader at random points, resume, and look at what is left.

What must come out: every submission has one right scorecard, nothing runs on, nothing lies around, and the grader's
memory does not grow with what it has graded. Exit status 1 and a list of faults where that is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.models import Outcome, Scorecard  # noqa: E402
from grader.project import DEFAULT_RUBRIC  # noqa: E402
from grader.sandbox import owner  # noqa: E402
from grader.validity import corpus  # noqa: E402
from grader.validity.measure import measure  # noqa: E402

ONLY = "matmul.b*"
CRITERIA = ("matmul.backward", "matmul.batched", "matmul.broadcast")
LIMITS = {"call_s": 8, "part_s": 30, "memory_mib": 512, "processes": 24, "output_kib": 64}
MARK = "GRADER_SOAK"  # in the environment of all that the grader starts on this side of the wall
ENDS_WITHIN_S = 30.0
GROWTH_MIB = 48.0  # of the grader from half of its submissions to all of them
# Attacks that end in a verdict: what runs at import, and what in place of the gradients.
AT_IMPORT = {
    "aborts": "os.abort()",
    "exits": "os._exit(0)",
    "raises-system-exit": "sys.exit(0)",
    "never-ends": "while True: pass",
    "stops-itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "forks": "while True: os.fork()",
    "eats-memory": "eaten = [torch.ones(1 << 22) for _ in range(10_000)]",
}
IN_BACKWARD = {
    "exits-in-a-call": "os._exit(0)",
    "kills-everything": "os.kill(-1, signal.SIGKILL)",
    "forges-frames": "[os.write(fd, b'\\xff' * 99) for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]",
    "closes-everything": "os.closerange(0, 1024)",
    "crashes": "ctypes.string_at(0)",
    "leaves-a-child": "os.fork() and os._exit(0); os.setsid(); time.sleep(600)",
    "answers-too-much": "return torch.zeros(1 << 25), torch.zeros(1 << 25)",
}
# Bad manners that cost nothing, and leave nothing either.
HARMLESS = {
    "floods": "[os.write(1, b'x' * 65536) for _ in range(100)]",
    "fills-the-disk": "fill()",
    "leaves-a-thread": "linger()",
    "kills-its-parent": "os.kill(os.getppid(), signal.SIGKILL)",  # the first process of its namespace, which bears it
}
HEAD = """
import ctypes, os, signal, sys, threading, time
import torch
def fill():
    try:
        with open("/tmp/full", "ab") as file:
            while True: file.write(bytes(1 << 20))
    except OSError:
        pass
def linger():
    if threading.active_count() == 1:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""


@dataclass
class Soak:
    """One soak: where it happens, what it has seen."""

    folder: Path
    submissions: int
    kills: int
    jobs: int
    sandbox: str
    seed: int
    faults: list[str] = field(default_factory=list)
    killed: dict[str, int] = field(default_factory=dict)
    rss_mib: dict[int, float] = field(default_factory=dict)  # share of the last run's submissions in per cent -> memory
    runs: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.reports, self.tmp = self.folder / "reports", self.folder / "tmp"
        self.token = f"{os.getpid()}-{time.time_ns()}"
        self.tmp.mkdir(parents=True)
        self.before = {*groups(), *containers()}
        self.entries = self._lay()

    def _lay(self) -> list[corpus.Entry]:
        """Write the submissions; every third is hostile."""
        text = DEFAULT_RUBRIC.read_text()
        for name, value in LIMITS.items():
            text, changed = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
            assert changed == 1, name
        (self.folder / "rubric.toml").write_text(text)
        known = [entry for entry in corpus.load(ROOT / "tests/corpus") if entry.part == "matmul.py"]
        calm = [entry for entry in known if not entry.name.startswith("cheat-")]
        self.random.shuffle(calm)
        hostile = [*AT_IMPORT, *IN_BACKWARD, *HARMLESS]
        self.random.shuffle(hostile)
        entries = []
        for i in range(self.submissions):
            place = self.folder / "submissions"
            if i % 3 == 2:
                name = hostile[i // 3 % len(hostile)]
                fails = () if name in HARMLESS else CRITERIA
                entry = corpus.Entry(name=f"{i:03}-{name}", group="hostile", folder=None, why=name, fails=fails)
                entry.lay(place / entry.name)
                spoil(place / entry.name / "matmul.py", name)
            else:
                entry = calm[(i - i // 3) % len(calm)]
                entry = entry.model_copy(update={"name": f"{i:03}-{entry.name}"})
                entry.lay(place / entry.name)
            entries.append(entry)
        return entries

    def run(self) -> None:
        """Grade all, killed and resumed, until a run comes to its end and no kill is left."""
        # The last run has two fifths of the work for itself, so that its memory can be watched.
        points = sorted(self.random.randrange(max(1, self.submissions * 3 // 5)) for _ in range(self.kills))
        while True:
            self.runs += 1
            process = self._start()
            while points and process.poll() is None:
                if self._finished() >= points[0]:
                    points.pop(0)
                    time.sleep(self.random.uniform(0, 3))
                    if self._kill(process):
                        break
                time.sleep(0.1)
            else:
                self._watch(process)
            status = process.wait()
            self._look_at_files()
            if status == 0 and not points:
                return
            if self.runs > self.kills + 5:
                self.faults.append(f"run {self.runs} ended with status {status}; it should have come to an end by now")
                return

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "grader.cli", *sorted(map(str, (self.folder / "submissions").iterdir()))]
        command += [
            "--out",
            str(self.reports),
            "--rubric",
            str(self.folder / "rubric.toml"),
            "--only",
            ONLY,
            "--resume",
        ]
        command += ["--sandbox", self.sandbox, "-j", str(self.jobs), "--seed", str(self.seed)]
        environment = {**os.environ, MARK: self.token, "TMPDIR": str(self.tmp), "PYTHONPATH": str(ROOT)}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd="/", start_new_session=True)

    def _kill(self, process: subprocess.Popen[bytes]) -> bool:
        """Kill the grader, or a part of it, at once: whether it was the whole run's end."""
        how = self.random.choice(["the grader", "its process group", "one child", "all of it"])
        self.killed[how] = self.killed.get(how, 0) + 1
        mine = self._running()
        if how == "one child":
            children = [pid for pid in mine if os.getpgid(pid) not in (0, process.pid)]
            if children:
                kill(self.random.choice(children))
            return False
        if how == "its process group":
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        kill(process.pid)
        if how == "all of it":
            for pid in mine:
                kill(pid)
        return True

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Note the grader's memory on the way to its end."""
        first = self._finished()
        while process.poll() is None:
            share = 100 * (self._finished() - first) / max(1, self.submissions - first)
            with contextlib.suppress(OSError, IndexError):
                mib = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
                if not mib:
                    continue  # it has just ended
                for mark in (25, 50, 75):
                    if share >= mark:
                        self.rss_mib.setdefault(mark, mib)
                self.rss_mib[100] = mib
            time.sleep(0.05)

    def _finished(self) -> int:
        return sum(1 for _ in self.reports.glob("*/scorecard.json"))

    def _running(self) -> list[int]:
        """Give the processes of the grader, on this side of the wall."""
        wanted = f"{MARK}={self.token}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def _look_at_files(self) -> None:
        for path in [*self.reports.glob("*/scorecard.json"), *self.reports.glob("*/history/*.json")]:
            try:
                Scorecard.model_validate_json(path.read_bytes())
            except (OSError, ValueError) as error:
                self.faults.append(f"{path} is torn after run {self.runs}: {error}")

    def look(self) -> None:
        """Hold what is left against what should be."""
        until = time.monotonic() + ENDS_WITHIN_S
        while (left := [*self._running(), *self._traces()]) and time.monotonic() < until:
            time.sleep(0.2)
        self.faults += [f"left behind: {trace}" for trace in left]
        lying = [path for path in self.tmp.rglob("*") if not re.fullmatch(rf"grader-{os.getuid()}(-cpu.+)?", path.name)]
        lying += self.reports.rglob(".*")
        self.faults += [f"left behind: {path}" for path in lying]
        cards = {}
        for entry in self.entries:
            path = self.reports / entry.name / "scorecard.json"
            try:
                card = Scorecard.model_validate_json(path.read_bytes())
            except (OSError, ValueError) as error:
                self.faults.append(f"{entry.name} has no scorecard: {error}")
                continue
            cards[entry.name, self.seed] = card
            if not (path.parent / "report.html").is_file():
                self.faults.append(f"{entry.name} has no report")
            for earlier in path.parent.glob("history/*.json"):
                if json.loads(earlier.read_text())["outcome"] != Outcome.harness_error:
                    self.faults.append(f"{entry.name} was graded twice: {earlier}")
        extra = {path.parent.name for path in self.reports.glob("*/scorecard.json")} - {e.name for e in self.entries}
        self.faults += [f"a scorecard of nobody: {name}" for name in sorted(extra)]
        result = measure(self.entries, cards, 0)
        self.faults += [f"{name}: {why}" for name, why in result.broken.items()]
        self.faults += [
            f"{cell.entry}: {cell.criterion} is {cell.verdict.value}, not {cell.want}" for cell in result.surprises
        ]
        grown = self.rss_mib.get(100, 0) - self.rss_mib.get(50, 0)
        if 50 in self.rss_mib and grown > GROWTH_MIB:
            self.faults.append(f"the grader grew by {grown:.0f} MiB in the second half of its submissions")

    def _traces(self) -> list[str]:
        """Give control groups and containers that came with this soak and whose makers are dead."""
        return sorted({*groups(), *containers()} - self.before)


def spoil(path: Path, name: str) -> None:
    """Put an attack into a right solution."""
    right = path.read_text()
    line = next(line for line in right.splitlines() if "def backward(" in line)
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    call = IN_BACKWARD.get(name) or HARMLESS.get(name)
    if call is None:
        path.write_text(HEAD + AT_IMPORT[name] + "\n" + without_future(right))
    else:
        path.write_text(HEAD + without_future(right).replace(line, f"{line}\n{indent}{call}"))


def without_future(text: str) -> str:
    return text.replace("from __future__ import annotations\n", "")


def groups() -> list[str]:
    """Give the control groups that dead graders of this user left."""
    found = []
    for place, folders, _ in os.walk("/sys/fs/cgroup"):
        for name in folders:
            whose = owner.of_name(name)
            if whose and whose.is_dead():
                found.append(f"{place}/{name}")
    return found


def containers() -> list[str]:
    """Give the containers that dead graders left, where an engine answers."""
    ask = ["docker", "ps", "-a", "--format", '{{.ID}} {{.Label "grader.pid"}}', "--filter", "label=grader.pid"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=30).stdout.splitlines()
        return [line for line in said if not Path(f"/proc/{line.split()[-1]}").exists()]
    return []


def kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sandbox", choices=["bubblewrap", "docker"], default="bubblewrap")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="of the kills and of the judge")
    parser.add_argument("--keep", action="store_true", help="leave the folder with submissions, reports and log")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    started = time.monotonic()
    soak = Soak(folder, options.submissions, options.kills, options.jobs, options.sandbox, options.seed)
    soak.run()
    soak.look()
    hostile = sum(entry.group == "hostile" for entry in soak.entries)
    rows = {
        "submissions": f"{len(soak.entries)}, {hostile} of them hostile, in {options.sandbox}, {options.jobs} at once",
        "seed": str(options.seed),
        "kills": ", ".join(f"{how} {times}" for how, times in sorted(soak.killed.items())) or "none",
        "runs": str(soak.runs),
        "wall time": f"{time.monotonic() - started:.0f} s",
        "memory of the last run": ", ".join(f"{mark} %: {mib:.0f} MiB" for mark, mib in sorted(soak.rss_mib.items())),
        "faults": str(len(soak.faults)),
    }
    for name, value in rows.items():
        print(f"{name:<24}{value}")
    for fault in soak.faults:
        print(f"FAULT {fault}")
    if options.keep or soak.faults:
        print(f"kept in {folder}")
    else:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    return int(bool(soak.faults))


if __name__ == "__main__":
    sys.exit(main())
