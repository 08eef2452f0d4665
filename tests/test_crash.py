"""`grade` for real, interrupted, killed and on a full disk: nothing is left running, torn or lost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from children import below, wait_until
from test_cli import DRIVER, HERE

from grader import batch
from grader.models import Outcome, Scorecard
from grader.project import REFERENCE
from grader.sandbox import owner

ROOT = Path(__file__).resolve().parent.parent
NEVER_ENDS = "import time\ntime.sleep(600)\n"
MARK = "GRADER_TEST_RUN"


class Run:
    """One `grade` of a right submission and one that never ends, and all that it leaves on this machine."""

    def __init__(self, folder: Path, tmp: Path, *arguments: str) -> None:
        self.reports, self.tmp, self.token = folder / "reports", tmp, uuid.uuid4().hex
        for name, source in {"fast": (REFERENCE / "matmul.py").read_text(), "slow": NEVER_ENDS}.items():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "matmul.py").write_text(source)
        # A job in the background is born deaf to Ctrl-C; this one must hear it wherever the tests run.
        hear = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader.cli", *arguments, "--only", "matmul.forward"],
            cwd=folder, env={**os.environ, **batch.environment(), MARK: self.token, "TMPDIR": str(self.tmp)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=hear, start_new_session=True,
        )  # fmt: skip
        self.seen: set[int] = set()

    def wait_for(self, moment: str) -> None:
        holds: dict[str, Callable[[], object]] = {
            "start": lambda: below(self.process.pid),
            "boot": self.insides,
            "judging": lambda: len(self.insides()) > 2 or self.containers(),  # what imports the submission is there
            "writing": lambda: list(self.reports.glob("*/scorecard.json")),
        }
        wait_until(lambda: self.process.poll() is not None or holds[moment]())
        self.look()

    def look(self) -> None:
        self.seen |= below(self.process.pid) | {self.process.pid}

    def insides(self) -> set[int]:
        """Give the processes of its sandboxes, where these run below it."""
        self.look()
        walls = [pid for pid in below(self.process.pid) if name_of(pid) == "bwrap"]
        return set().union(walls, *map(below, walls))

    def children(self) -> list[int]:
        """Give its processes on this side of the wall, itself excepted."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.token}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return sorted({*found} - {self.process.pid})

    def groups(self) -> list[str]:
        found = [name for _, folders, _ in os.walk("/sys/fs/cgroup") for name in folders]
        return [name for name in found if (whose := owner.of_name(name)) and int(whose.pid) in self.seen]

    def containers(self) -> list[str]:
        ask = ["docker", "ps", "-a", "--format", '{{.Label "grader.pid"}}', "--filter", "label=grader.pid"]
        try:
            said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
        except OSError:  # no docker here
            return []
        return [pid for pid in said if int(pid) in self.seen]

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode()

    def traces(self) -> list[object]:
        """Give whatever is left, but for the locks on processors and a folder that is empty."""
        alive = [pid for pid in self.seen if name_of(pid) in {"bwrap", "python", "python3"}]
        files = [*self.reports.rglob(".*"), *self.tmp.rglob("*")]
        lying = [path for path in files if not re.fullmatch(rf"grader-{os.getuid()}(-cpu.+)?", path.name)]
        return [*alive, *self.children(), *self.groups(), *self.containers(), *lying]

    def cards(self) -> dict[str, Outcome]:
        """Read every scorecard: none is torn."""
        found = [Scorecard.model_validate_json(p.read_bytes()) for p in self.reports.glob("*/scorecard.json")]
        return {card.submission.name: card.outcome for card in found}


def name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/stat").read_text()
        if status.rpartition(")")[2].split()[0] not in "ZX":
            return status.partition("(")[2].rpartition(")")[0]
    return ""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def started(*arguments: str) -> Run:
        runs.append(Run(tmp_path, Path(tmp), *arguments))
        return runs[-1]

    with tempfile.TemporaryDirectory(dir="/tmp") as tmp:  # a short path: sockets lie below it
        yield started
        for run in runs:
            run.process.kill()
            run.process.communicate()


# --- interrupted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "signals", "sandbox"),
    [
        ("start", [signal.SIGINT], "bubblewrap"),
        ("boot", [signal.SIGTERM], "bubblewrap"),
        ("judging", [signal.SIGINT, signal.SIGINT], "bubblewrap"),
        pytest.param("judging", [signal.SIGINT, signal.SIGINT], "docker", marks=pytest.mark.docker),
        ("writing", [signal.SIGINT], "bubblewrap"),
    ],
)
def test_an_interrupted_run_leaves_nothing(
    start: Callable[..., Run], moment: str, signals: list[int], sandbox: str
) -> None:
    """Ctrl-C and SIGTERM, at any time, once or twice: status 130, no sandbox, no process, no torn or temporary file."""
    if sandbox == "docker":
        subprocess.run(["sh", "scripts/start_engine.sh"], cwd=ROOT, check=True)
    run = start("fast", "slow", "--sandbox", sandbox)
    run.wait_for(moment)
    for number in signals:
        run.process.send_signal(number)
        time.sleep(0.1)
    status, said = run.end()
    assert status == 130, said
    assert "Traceback" not in said
    wait_until(lambda: not run.traces())
    assert set(run.cards()) <= {"fast"}


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.bubblewrap
def test_a_child_that_is_killed_costs_its_submission_alone(start: Callable[..., Run]) -> None:
    """The next one is graded, the status is 3, and what the dead one left is gone with the run."""
    run = start("slow", "fast", "--sandbox", "bubblewrap")
    run.wait_for("judging")
    (judge,) = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in run.insides()
                if name_of(pid) == "bwrap"} & set(run.children())  # fmt: skip
    os.kill(judge, signal.SIGKILL)
    status, said = run.end()
    assert status == 3 and "ended with status -9" in said
    assert run.cards() == {"slow": Outcome.harness_error, "fast": Outcome.graded}
    wait_until(lambda: not run.traces())


@pytest.mark.bubblewrap
def test_a_grader_that_is_killed_takes_its_children_with_it(start: Callable[..., Run]) -> None:
    """Nobody listens any more: the children end their sandboxes, then themselves, and the next start does the rest."""
    run = start("fast", "slow", "--sandbox", "bubblewrap", "-j", "2")
    run.wait_for("judging")
    run.process.kill()
    run.end()
    wait_until(lambda: not run.children() and not run.groups())
    assert start("fast", "--sandbox", "bubblewrap", "--resume").end()[0] == 0
    wait_until(lambda: not run.traces())


@pytest.mark.parametrize("sandbox", ["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def test_what_a_run_left_that_was_killed_with_all_its_children_is_swept_by_the_next(
    start: Callable[..., Run], sandbox: str
) -> None:
    """Where nobody could clean up, the next start does, and what was finished before is kept."""
    if sandbox == "docker":
        subprocess.run(["sh", "scripts/start_engine.sh"], cwd=ROOT, check=True)
    run = start("fast", "slow", "--sandbox", sandbox)
    run.wait_for("writing")
    wait_until(lambda: len(run.insides()) > 2 or len(run.containers()) == 1)
    for pid in [run.process.pid, *run.children()]:
        os.kill(pid, signal.SIGKILL)
    run.end()
    assert list(run.tmp.glob("grader-*/run-*")) and (run.groups() or run.containers())
    status, said = start("fast", "--sandbox", sandbox, "--resume").end()
    assert status == 0 and "resumed: 1 of 1" in said
    wait_until(lambda: not run.traces())


# --- a full disk ------------------------------------------------------------------------------------------------------

FULL = """
grade() { "$PYTHON" -c "$DRIVER" "$HERE" "$@" >out 2>&1; echo "status $?"; cat out; }
grade alice; cp reports/alice/scorecard.json before
head -c 10000000 /dev/zero >reports/full 2>/dev/null
grade alice bob --csv reports/all.csv --junit junit.xml
cmp before reports/alice/scorecard.json && echo "the earlier one is whole"
find reports -name '.*'; find reports/bob -type f
rm reports/full
grade alice bob --resume
cmp before reports/alice/scorecard.json && test -s reports/bob/scorecard.json && echo "all are there"
"""


@pytest.mark.bubblewrap
def test_a_full_disk_costs_what_could_not_be_written_and_nothing_else(tmp_path: Path) -> None:
    """On a small file system that is really full: a clear error, status 3, earlier files whole, scores still told."""
    for name, order in {"alice": "good", "bob": "wrong"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "minigpt.py").write_text(order)
    (tmp_path / "reports").mkdir()
    walls = ["bwrap", "--dev-bind", "/", "/", "--size", "1000000", "--tmpfs", str(tmp_path / "reports")]
    environment = {"PYTHON": sys.executable, "DRIVER": DRIVER, "HERE": HERE}
    done = subprocess.run(
        [*walls, "sh", "-c", FULL], cwd=tmp_path, env=os.environ | batch.environment() | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    first, full, resumed = done.stdout.split("status ")[1:]
    assert first.startswith("0\n"), done
    assert full.startswith("3\n"), full
    for path in ("alice/history/2026.*json", "bob/scorecard.json", "index.html", "all.csv"):
        assert re.search(f"reports/{path} cannot be written: No space left on device; make room", full), full
    assert re.search(r"^alice +100 ", full, re.MULTILINE) and re.search(r"^bob +\d+\.?\d* ", full, re.MULTILINE)
    assert full.endswith("the earlier one is whole\n"), full
    assert (tmp_path / "junit.xml").exists()
    assert resumed.startswith("0\nresumed: 1 of 2 ") and resumed.endswith("all are there\n"), resumed


# --- all of it --------------------------------------------------------------------------------------------------------


@pytest.mark.bubblewrap
def test_a_short_soak() -> None:
    """Honest and hostile submissions, the grader killed and resumed: one right scorecard each, and nothing is left."""
    done = subprocess.run(
        [sys.executable, "bench/soak.py", "--submissions", "9", "--kills", "2", "--seed", "331"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
