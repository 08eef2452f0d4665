"""`grade --cluster` for real: a scheduler and nodes on loopback addresses, of which some die, hang and come back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from children import kill_if_told, wait_until

from grader import admin, batch, cli, cluster
from grader.errors import HarnessError, UsageError
from grader.models import Job, Outcome, Rubric, Scorecard
from grader.project import REFERENCE
from grader.sandbox import doctor

HOSTS = ("127.0.0.3", "127.0.0.4", "127.0.0.5")
LOST_AFTER_S = 6
ENVIRONMENT = {
    "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{LOST_AFTER_S}s",
}
WRONG_EACH = 5  # one submission of so many is wrong
GRADED_WITHIN_S = 15  # each, on a busy machine, by the node that is left
RUBRIC = Rubric.model_validate(
    {
        "schema": "rubric/1",
        "name": "small",
        "title": "Small",
        "criteria": [{"id": "gpt.load", "title": "Loads.", "points": 100}],
    }
)


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a process group of its own, which ends with it."""
    environment = batch.environment() | ENVIRONMENT
    environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parent)  # where they find what stands in
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def address() -> Iterator[str]:
    """A scheduler, where nobody else listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        host, port = free.getsockname()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", str(port)]
    with running(*command, "--no-dashboard"):
        yield f"tcp://{host}:{port}"


def real_node(address: str, host: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return running(
        sys.executable, "-m", "grader.admin", "node", address, "--sandbox", "bubblewrap", "--host", host, "-j", "1"
    )


def bare_node(address: str, offers: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """A node that was not asked whether its sandbox is sound, for what runs none."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "2", "--no-dashboard"]
    return running(*command, "--resources", offers, "--host", HOSTS[0])


def job(name: str) -> Job:
    digest = "sha256:1"
    return Job(path=f"/nowhere/{name}", name=name, rubric=RUBRIC, rubric_digest=digest, sandbox="bubblewrap", seed=1)


# --- whatever becomes of the nodes ------------------------------------------------------------------------------------


@pytest.fixture
def season(tmp_path: Path, pytestconfig: pytest.Config) -> list[str]:
    """Lay out submissions, some of them wrong."""
    source = (REFERENCE / "matmul.py").read_text()
    names = [f"{'right' if i % WRONG_EACH else 'wrong'}{i}" for i in range(pytestconfig.getoption("--season"))]
    for name in names:
        (tmp_path / name).mkdir()
        text = source if name.startswith("right") else source.replace("torch.matmul(A, B)", "torch.matmul(A, B) * 2")
        (tmp_path / name / "matmul.py").write_text(text)
    return names


def test_nothing_is_lost_and_nothing_done_twice(address: str, season: list[str], tmp_path: Path) -> None:
    """Of three nodes one is killed and started anew, one hangs and comes back; the client is killed and resumed."""
    reports, all_s = tmp_path / "reports", GRADED_WITHIN_S * len(season)
    command = [sys.executable, "-m", "grader.cli", *season, "--cluster", address, "--sandbox", "bubblewrap"]
    command += ["--only", "matmul.forward", "--seed", "5"]

    def cards() -> dict[str, Scorecard]:
        found = [Scorecard.model_validate_json(p.read_bytes()) for p in reports.glob("*/scorecard.json")]
        return {card.submission.name: card for card in found}

    def done(number: int) -> Callable[[], bool]:
        return lambda: len(list(reports.glob("*/scorecard.json"))) >= number

    with real_node(address, HOSTS[0]) as killed, real_node(address, HOSTS[1]) as hung, real_node(address, HOSTS[2]):
        client = subprocess.Popen(command, cwd=tmp_path, env=batch.environment(), start_new_session=True)
        try:
            wait_until(done(len(season) // 10), all_s)
            end(killed)
            wait_until(done(len(season) // 5), all_s)
            os.killpg(hung.pid, signal.SIGSTOP)
            wait_until(done(len(season) * 2 // 5), all_s)
        finally:
            end(client)
        before = {name: card.run.started_at for name, card in cards().items()}
        with real_node(address, HOSTS[0]):
            again = subprocess.Popen([*command, "--resume"], cwd=tmp_path, env=batch.environment())
            wait_until(done(len(before) + 2), all_s)
            os.killpg(hung.pid, signal.SIGCONT)
            assert again.wait(all_s) == 0
    after = cards()
    assert set(after) == set(season)
    assert all(after[name].run.started_at == then for name, then in before.items())
    assert not list(reports.glob("*/history/*"))  # where what is graded twice would leave its first scorecard
    scores = {name: card.score for name, card in after.items()}
    assert scores == {name: 100 if name.startswith("right") else 0 for name in season}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "grade_here", kill_if_told)
    monkeypatch.setattr(cluster, "bring", lambda _: None)


def run(address: str, *names: str) -> dict[str, Scorecard]:
    executor = cluster.Cluster(address, "bubblewrap")
    try:
        executor.prepare(print)
        said = list(executor.run([job(name) for name in names]))
    finally:
        executor.clean_up()
    cards = [item for item in said if isinstance(item, Scorecard)]
    assert len(cards) == len(names)
    return {card.submission.name: card for card in cards}


@pytest.mark.usefixtures("stand_in")
def test_what_kills_its_nodes_is_given_up(address: str) -> None:
    """A poisonous submission takes down a set number of nodes and no more; its neighbours are done."""
    names = ["good1", "poison", *(f"good{i}" for i in range(2, 7))]
    with bare_node(address, f"{cluster.resource('bubblewrap')}=2"):
        cards = run(address, *names)
    poison = cards.pop("poison")
    assert "2 nodes were lost while it was alone on them" in poison.reason and poison.outcome is Outcome.harness_error
    assert {card.reason for card in cards.values()} == {"done for the test"}


@pytest.mark.usefixtures("stand_in")
def test_a_cluster_that_is_gone_costs_no_score(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no node is left, what is left is a harness error after a while: neither a score nor a wait for ever."""
    monkeypatch.setattr(cluster, "NODE_WITHIN_S", 8.0)
    executor = cluster.Cluster(address, "bubblewrap")
    with bare_node(address, f"{cluster.resource('bubblewrap')}=1"):
        executor.prepare(print)
    cards = [item for item in executor.run([job("a"), job("b")]) if isinstance(item, Scorecard)]
    executor.clean_up()
    assert [card.outcome for card in cards] == [Outcome.harness_error] * 2
    assert "no node at" in cards[0].reason and "grader node" in cards[0].reason


# --- what a cluster has to be -----------------------------------------------------------------------------------------


def test_a_node_of_another_version_gets_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It offers something else; the client says what it wants and what is there."""
    monkeypatch.setattr(cluster, "NODE_WITHIN_S", 6.0)
    with bare_node(address, "grader-0.0.0-bubblewrap=1"), pytest.raises(HarnessError) as raised:
        run(address, "a")
    assert cluster.resource("bubblewrap") in str(raised.value) and "grader-0.0.0-bubblewrap" in str(raised.value)


def test_no_scheduler_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error, not a wait for ever."""
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    started = time.monotonic()
    with pytest.raises(HarnessError, match="no Dask scheduler answers at"):
        cluster.Cluster("tcp://127.0.0.9:9", "auto")
    with pytest.raises(UsageError, match="--cluster 'nonsense' is no address such as tcp://HOST:8786: missing port"):
        cluster.Cluster("nonsense", "auto")
    assert time.monotonic() - started < 30


def test_without_the_extra_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who grades on one machine need not install Dask, and who wants to use it learns what to do."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'ml-screen-grader\[cluster\]'"):
        cluster.Cluster("tcp://127.0.0.9:9", "auto")
    with pytest.raises(UsageError, match="cluster"):
        cluster.join("tcp://127.0.0.9:9", None, "bubblewrap", 1)


def test_jobs_and_cluster_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many a node grades at once is the node's."""
    (tmp_path / "alice").mkdir()
    assert cli.run(cli.app, "grade", [str(tmp_path / "alice"), "--cluster", "tcp://127.0.0.9:9", "-j", "2"]) == 2
    assert "--jobs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("result", "arguments", "joins"),
    [("held", [], True), ("broken", [], False), ("broken", ["--allow-weak-sandbox"], True), (None, [], False)],
)
def test_a_node_whose_sandbox_is_weak_does_not_join(
    result: doctor.Result | None, arguments: list[str], joins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It attacks its own sandbox first; whoever lets it join all the same says so."""
    report = doctor.Report("bubblewrap", fault="" if result else "there is none")
    if result:
        report.findings.append(doctor.Finding("network", True, "for the test", result))
    joined: list[object] = []
    monkeypatch.setattr(doctor, "examine", lambda _: report)
    monkeypatch.setattr(cluster, "join", lambda *given: joined.append(given))
    status = cli.run(admin.app, "grader", ["node", "tcp://127.0.0.9:9", "--sandbox", "bubblewrap", *arguments])
    assert (status, bool(joined)) == ((0, True) if joins else (3, False))
