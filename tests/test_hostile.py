"""No submission gives itself a point, harms the host or breaks the grader: the hostile corpus, graded by the real path.

A plain run grades what is quick, in the sandboxes that the attacks name; `make attack` grades all of it in both.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import attacks
import pytest
from attacks import Attack, Run

from grader import rubric as rubrics
from grader.project import DEFAULT_RUBRIC
from grader.report.html import render_index, render_report
from grader.sandbox import choose

ROOT = Path(__file__).resolve().parent.parent
CORPUS = attacks.load()
SANDBOXES = ("bubblewrap", "docker")
MARKS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in SANDBOXES]
# Of docs/threat-model.md's attackers; `honest` and `wrong` are the controls, without an attack.
GROUPS = {"files", "kernel", "parsers", "protocol", "python", "reports", "resources", "score", "timing"}
CONTROLS = {"honest": 8, "wrong": 4}
WRONG, RIGHT = "doubled-product", "prints-much"  # by which the judging itself is tried
# What a reader's eye or terminal obeys instead of seeing it.
OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def chosen(config: pytest.Config, sandbox: str) -> list[Attack]:
    """Give the attacks that this run grades in a sandbox."""
    everything = config.getoption("--all-attacks")
    glob = f"{config.getoption('--attacks')}.py"
    named = [attack for attack in CORPUS if attack.path.match(glob) or attack.name in (WRONG, RIGHT)]
    return named if everything else [a for a in named if not a.slow and (sandbox == "bubblewrap" or a.docker)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "attack" in metafunc.fixturenames:
        wanted = [(name, attack) for name in SANDBOXES for attack in chosen(metafunc.config, name)]
        cases = [
            pytest.param(name, attack, id=f"{name}-{attack.group}-{attack.name}", marks=getattr(pytest.mark, name))
            for name, attack in wanted
        ]
        metafunc.parametrize(("sandbox", "attack"), cases)


@dataclass
class Host:
    """The machine as a submission should not find it: who grades, what must stay as it is, and who came to the door."""

    folder: Path
    config: pytest.Config
    token: str = field(default_factory=attacks.token)
    pids: list[int] = field(default_factory=list)
    visitors: list[str] = field(default_factory=list)
    runs: dict[str, dict[str, Run]] = field(default_factory=dict)

    @property
    def canaries(self) -> list[Path]:
        return [self.folder / "canary.txt", self.folder / "home" / ".ssh" / "canary"]

    def graded(self, sandbox: str) -> dict[str, Run]:
        """Grade every attack of this run in a sandbox, once."""
        if sandbox not in self.runs:
            if sandbox == "docker":
                subprocess.run(["sh", "scripts/start_engine.sh"], cwd=ROOT, check=True)
                if os.getuid() == 0:
                    subprocess.run(["sh", "scripts/make_image.sh"], cwd=ROOT, check=True)
            choose(sandbox).prepare(print)
            words = {"canary": str(self.canaries[0]), "token": self.token, "door": str(self.folder / "door")}
            everything = self.config.getoption("--all-attacks")
            wanted = chosen(self.config, sandbox)
            done = attacks.grade(wanted, sandbox, self.folder / sandbox, words, everything, self.pids)
            self.runs[sandbox] = {run.attack.name: run for run in done}
            self.config.stash.setdefault(attacks.DONE, []).extend(self.runs[sandbox].values())
        return self.runs[sandbox]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Host]:
    """Canary files beside the submissions and in a home, and two doors that nobody should knock at."""
    host = Host(tmp_path_factory.mktemp("host"), pytestconfig)
    for canary in host.canaries:
        canary.parent.mkdir(parents=True, exist_ok=True)
        canary.write_text(host.token)
        os.utime(canary, (1, 1))
    with contextlib.ExitStack() as stack:
        for kind, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(host.folder / "door"))):
            door = stack.enter_context(socket.socket(kind))
            door.bind(address)
            door.listen()
            threading.Thread(target=watch, args=(door, host.visitors), daemon=True).start()
            stack.callback(door.shutdown, socket.SHUT_RDWR)
        yield host
    # Too deep, and too closed, for what else removes folders.
    subprocess.run(["chmod", "-R", "u+rwX", host.folder], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", host.folder], check=True)


def watch(door: socket.socket, visitors: list[str]) -> None:
    with contextlib.suppress(OSError):
        while True:
            visitor, address = door.accept()
            visitors.append(f"{door.getsockname()} from {address}")
            visitor.close()


def test_it_gains_nothing_and_costs_nobody_else(host: Host, sandbox: str, attack: Attack) -> None:
    """It is graded or refused as its block says, within its limits, and what it did not touch keeps its points."""
    assert host.graded(sandbox)[attack.name].faults == []


@pytest.mark.parametrize("sandbox", MARKS)
def test_the_host_is_as_it_was(host: Host, sandbox: str) -> None:
    """Canaries are whole, nobody knocked, and nothing is left: no process, control group, container or file."""
    host.graded(sandbox)
    for canary in host.canaries:
        assert canary.read_text() == host.token and canary.stat().st_mtime == 1
    assert host.visitors == []
    assert left_processes(host) == []
    assert left_places(host) == []
    left = [path.name for path in (host.folder / sandbox / "scratch").iterdir()]
    assert [name for name in left if not re.fullmatch(r"grader-\d+-cpu.+", name)] == []  # locks, kept on purpose


def left_processes(host: Host) -> list[str]:
    """Give the processes that carry the attacks' token, in their name, arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it is gone since it was listed
            told = b"".join((process / name).read_bytes() for name in ("comm", "cmdline", "environ"))
            if host.token.encode() in told:
                found.append(f"{process.name}: {told[:200]!r}")
    return found


def left_places(host: Host) -> list[str]:
    """Give the control groups and containers of our grading processes, and files that carry the token."""
    mine = {str(pid) for pid in host.pids}
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob("**/grader.*") if mine & set(path.name.split("."))]
    files = [str(path) for top in ("/tmp", "/var/tmp", "/dev/shm") for path in Path(top).glob(f"*{host.token}*")]
    return groups + files + (containers(mine) if "docker" in host.runs else [])


def containers(pids: set[str]) -> list[str]:
    said = subprocess.run(
        ["docker", "ps", "--all", "--format", '{{.ID}} {{.Label "grader.pid"}}'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [line for line in said.splitlines() if line.split()[-1] in pids]


class Markup(HTMLParser):
    """What of a page a browser would act on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name.startswith("on"):
                self.handlers.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action", "xlink:href") and value:
                self.links.append(value)


@pytest.mark.parametrize("sandbox", MARKS)
def test_reports_show_what_they_hold_and_obey_none_of_it(host: Host, sandbox: str) -> None:
    """The report of each attack, and the index over all, run no script, load nothing and link nowhere outside."""
    rubric = rubrics.load(DEFAULT_RUBRIC)
    cards = [run.card for run in host.graded(sandbox).values() if run.card]
    pages = {card.submission.name: render_report(card, rubric) for card in cards}
    pages["index"] = render_index(cards, rubric)
    for name, page in pages.items():
        seen = Markup(page)
        assert seen.handlers == [], name
        assert seen.tags["script"] == 1, name
        assert not seen.tags.keys() & {"img", "iframe", "object", "embed", "base", "form", "audio", "video"}, name
        outside = [link for link in seen.links if re.match(r"(?!data:,$)[a-z+.-]*:|//", link, re.IGNORECASE)]
        assert outside == [], name
        assert not OBEYED.search(page), name
        assert len(page.encode()) < 2_000_000, name
    assert len(pages) == len(cards) + 1 > 1


def test_a_run_that_does_not_hold_is_seen(host: Host) -> None:
    """Judged by another block, a wrong solution is one that should have kept its points, and a right one a forger."""
    runs = host.graded("bubblewrap")
    wrong, right = runs[WRONG], runs[RIGHT]
    assert wrong.faults == right.faults == []
    strict = replace(wrong, attack=wrong.attack.model_copy(update={"keeps": ("*",)}))
    assert "matmul.forward is wrong_answer" in [fault.split(",")[0] for fault in attacks.faults(strict)]
    forger = replace(right, attack=right.attack.model_copy(update={"keeps": (), "fails": ("gpt.*",)}))
    assert "gpt.load is accepted and earns 3; it should earn nothing" in attacks.faults(forger)
    assert "limits add up" in attacks.faults(replace(right, seconds=1e6))[0]
    assert (
        "not rejected" in attacks.faults(replace(right, attack=right.attack.model_copy(update={"rejected": True})))[0]
    )


@pytest.mark.parametrize("block", ["", "# /// attack\n# trees = 'x'\n# ///\n", "# /// attack\n# tries =\n# ///\n"])
def test_a_block_that_is_not_right_names_its_file(tmp_path: Path, block: str) -> None:
    """An attack without a block, or with a word in it that means nothing, is an error and not an attack less."""
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "odd.py").write_text(block)
    with pytest.raises(ValueError, match=r"group/odd\.py: "):
        attacks.load(tmp_path)


def test_the_corpus_covers_every_group() -> None:
    """A hundred attacks or more, several in each group, quick ones of each in both sandboxes, beside the controls."""
    groups = Counter(attack.group for attack in CORPUS)
    assert set(groups) == GROUPS | set(CONTROLS)
    assert sum(groups[group] for group in GROUPS) >= 100
    for group in GROUPS:
        assert groups[group] >= 5, group
        assert sum(a.group == group and a.docker and not a.slow for a in CORPUS) >= 2, group
    for group, least in CONTROLS.items():
        assert groups[group] >= least, group
    assert len({attack.name for attack in CORPUS}) == len(CORPUS)
