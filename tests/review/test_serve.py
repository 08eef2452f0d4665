"""`grader serve` as a person starts it: what it prints, where it listens, how it ends, and what a kill leaves."""

from __future__ import annotations

import http.client
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import folder
import pytest
from clients import Client

from grader import admin, cli
from grader.review.book import Book
from grader.store import Store

COMMAND = [sys.executable, "-m", "grader.admin", "serve"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@dataclass
class Served:
    """A running `grader serve`."""

    process: subprocess.Popen[str]
    links: dict[str, str]
    said: list[str]

    @property
    def host(self) -> str:
        return next(iter(self.links.values())).split("/")[2]

    def client(self, who: str) -> Client:
        return Client(self.host).enter(self.links[who].split("token=")[1])

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """End it, and give its exit status and everything that it said."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, "".join(self.said) + out + err


@pytest.fixture
def serve(reports: Store) -> Iterator[Callable[..., Served]]:
    """Start `grader serve` for some reviewers."""
    started = []

    def start(*reviewers: str, more: tuple[str, ...] = ()) -> Served:
        named = [part for who in reviewers for part in ("--reviewer", who)]
        where = ["--out", str(reports.folder), "--rubric", str(reports.folder.parent / "small.toml")]
        process = subprocess.Popen(
            [*COMMAND, *where, *named, *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(),
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        links, said = {}, []
        while len(links) < len(reviewers):
            said.append(process.stdout.readline())
            assert said[-1], process.communicate()
            if found := re.fullmatch(r"  (.+?) +(http://127\.0\.0\.1:\d+/enter\?token=[\w-]{43})\n", said[-1]):
                links[found[1]] = found[2]
        return Served(process, links, said)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_listens_on_this_machine_alone_and_says_so_once(serve: Callable[..., Served]) -> None:
    """A link for each reviewer; the port answers on 127.0.0.1 and nowhere else; no log holds a token."""
    served = serve("ann", "ben")
    port = int(served.host.split(":")[1])
    assert served.client("ann").get("/").status == 200
    for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}:
        if address != "127.0.0.1":
            with pytest.raises(OSError):
                socket.create_connection((address, port), timeout=2)
    assert served.client("ben").get("/").status == 200
    status, said = served.end(signal.SIGINT)
    assert status == 0 and "the desk is closed" in said and "Traceback" not in said
    for link in served.links.values():
        assert said.count(link.split("token=")[1]) == 1


def test_enter_prints_fresh_links(reports: Store) -> None:
    """Who has closed the browser needs no new desk: Enter in its terminal, and there is another link that works."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, "--out", str(reports.folder), "--rubric", str(reports.folder.parent / "small.toml")]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            links = []
            while len(links) < 2:
                line = process.stdout.readline()
                assert line
                links += re.findall(r"http://(.*)/enter\?token=(\S+)", line)
                if "Each link works once" in line:
                    os.write(ours, b"\n")
            for host, token in reversed(links):
                assert Client(host).enter(token).get("/").status == 200
        finally:
            process.kill()
    os.close(ours)
    os.close(theirs)


def test_two_reviewers_make_two_sheets_needed(serve: Callable[..., Served], reports: Store) -> None:
    """Who names several wants a second opinion; one is enough for one, and the folder remembers."""
    serve("ann").end(signal.SIGTERM)
    assert Book(reports.folder).needed() == 1
    serve("ann", "ben", "cat").end(signal.SIGTERM)
    assert Book(reports.folder).needed() == 2
    serve("ann", "ben", more=("--needed", "3")).end(signal.SIGTERM)
    serve("ann", "ben").end(signal.SIGTERM)
    assert Book(reports.folder).needed() == 3


def test_a_taken_port_and_shared_names_are_usage_errors(reports: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 and what to do, before anything is opened."""
    where = ["serve", "--out", str(reports.folder), "--rubric", str(reports.folder.parent / "small.toml")]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.run(admin.app, "grader", [*where, "--port", str(taken.getsockname()[1])]) == 2
    assert "Address already in use" in capsys.readouterr().err
    assert cli.run(admin.app, "grader", [*where, "--reviewer", "Ann", "--reviewer", "ann "]) == 2
    assert "two reviewers have one name" in capsys.readouterr().err


def save_on(client: Client, reports: Store, number: int, acknowledged: list[int]) -> None:
    """Save longer and longer comments that tell their number, until nobody answers."""
    there = Book(reports.folder).review(("alice", folder.FILES)).sheet("ann").given.get("review.scan")
    seen = there.number if there else 0
    while True:
        number += 1
        try:
            answer = client.save("review.scan", number % 3, f"{number} " + "x" * (number % 3000), seen)
        except (OSError, http.client.HTTPException):
            return
        assert answer.status == 200, answer.text
        seen = answer.json["number"]
        acknowledged.append(number)


def test_killed_while_it_saves_it_has_what_it_answered(serve: Callable[..., Served], reports: Store) -> None:
    """SIGKILL while a browser saves on and on: the next desk shows the last text that was acknowledged, or the next."""
    told = 0
    for _ in range(4):
        served = serve("ann")
        acknowledged: list[int] = []
        thread = threading.Thread(target=save_on, args=(served.client("ann"), reports, told, acknowledged))
        thread.start()
        time.sleep(0.7)
        served.end(signal.SIGKILL)
        thread.join()
        comment = Book(reports.folder).review(("alice", folder.FILES)).sheet("ann").given["review.scan"].comment
        number = int(comment.split()[0])
        assert len(acknowledged) > 3 and number in (acknowledged[-1], acknowledged[-1] + 1)
        assert comment == f"{number} " + "x" * (number % 3000)
        told = number
    page = serve("ann").client("ann").get("/submissions/alice").text
    assert f"{told} xx" in page


def test_killed_between_sheet_and_scorecard_the_next_desk_writes_it(
    serve: Callable[..., Served], reports: Store
) -> None:
    """A sheet that is in reaches scorecard, report and index, whenever the desk died."""
    book, rubric = Book(reports.folder), folder.rubric(reports.folder.parent)
    folder.fill(book, rubric, "ann", 4, 3, 2)
    assert reports.scorecard("alice").final is None
    serve("ben").end(signal.SIGTERM)
    assert reports.scorecard("alice").final is not None
    assert "ann on review.scan" in (reports.folder / "alice" / "report.html").read_text()
    assert (reports.folder / "index.html").exists()


def test_without_the_extra_it_says_what_to_install(reports: Store) -> None:
    """`grader` works without starlette; `grader serve` names the extra."""
    code = (
        "import sys\nsys.modules['starlette'] = sys.modules['uvicorn'] = None\n"
        "from grader import admin, cli\n"
        f"sys.exit(cli.run(admin.app, 'grader', ['serve', '--out', {str(reports.folder)!r}]))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert done.returncode == 2 and "ml-screen-grader[server]" in done.stderr
