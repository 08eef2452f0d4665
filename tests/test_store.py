"""The reports folder: files appear whole, earlier runs are kept, and no name leads elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from grader import batch, score, store
from grader.errors import HarnessError
from grader.models import Job, Rubric, RunInfo, Scorecard
from grader.sandbox import owner

RUBRIC = Rubric.model_validate(
    {
        "schema": "rubric/1",
        "name": "small",
        "title": "Small",
        "criteria": [{"id": "gpt.load", "title": "Loads.", "points": 100}],
    }
)


def card(reason: str, started_at: str = "2026-01-01T00:00:00+00:00", name: str = "alice") -> Scorecard:
    job = Job(path="x", name=name, rubric=RUBRIC, rubric_digest="sha256:1", sandbox="docker", seed=1)
    run = RunInfo(seed=1, sandbox="docker", started_at=started_at, duration_s=1, rubric_digest="sha256:1")
    return score.rejected(job, run, reason)


def given(tmp_path: Path, *paths: str) -> list[str]:
    names, warnings = store.names([tmp_path / path for path in paths], tmp_path / "reports")
    assert len(warnings) == sum(bool(re.search(r"(^|-)[0-9a-f]{8}$", name)) for name in names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", name) for name in names)
    assert len({name.lower() for name in names}) == len(names)
    return names


def test_names_are_those_of_folders_and_archives(tmp_path: Path) -> None:
    """Who hands in alice or alice.zip finds alice; odd characters are reduced, long names cut."""
    (tmp_path / "folder.zip").mkdir()
    assert given(tmp_path, "alice", "bob.zip", "folder.zip", "_x", "Carol  Smith") == [
        "alice", "bob", "folder.zip", "_x", "Carol-Smith",
    ]  # fmt: skip
    assert given(tmp_path, "x" * 200) == ["x" * 64]
    assert given(tmp_path, "..evil\n\x1b[31m", "-rf") == ["evil-31m", "rf"]


def test_names_that_cannot_be_used_or_are_shared_get_a_digest(tmp_path: Path) -> None:
    """Two submissions never share a folder of reports, and none takes the index's place, upper and lower case alike."""
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "notes").write_text("in the way")
    shared = given(tmp_path, "a/alice", "b/Alice", "c/bob")
    assert [name[:6].lower() for name in shared[:2]] == ["alice-"] * 2 and shared[2] == "bob"
    for taken in ("Index.html", "日本", "...", "notes"):
        (name,) = given(tmp_path, taken)
        assert name != taken
    assert len(given(tmp_path, "a/" + "x" * 99, "b/" + "x" * 99)[0]) == 64


def test_the_dot_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`grade .` is named after the folder one stands in."""
    (tmp_path / "alice").mkdir()
    monkeypatch.chdir(tmp_path / "alice")
    assert store.names([Path()], tmp_path)[0] == ["alice"]


def test_an_earlier_scorecard_is_kept(tmp_path: Path) -> None:
    """A second run replaces the scorecard and moves the first, whole, into the history."""
    reports = store.Store(tmp_path / "deep" / "reports")
    for i in range(3):
        reports.keep(card(f"run {i}", started_at=f"2026-01-0{i + 1}T00:00:00+00:00"))
    place = reports.folder / "alice"
    assert json.loads((place / "scorecard.json").read_text())["reason"] == "run 2"
    earlier = sorted((place / "history").iterdir())
    assert [json.loads(path.read_text())["reason"] for path in earlier] == ["run 0", "run 1"]
    assert earlier[0].name.startswith("2026-01-01T00-00-00")


def test_a_torn_earlier_scorecard_is_kept_too(tmp_path: Path) -> None:
    """What somebody else broke is still not ours to delete, nor a reason to fail."""
    place = tmp_path / "alice"
    place.mkdir()
    (place / "scorecard.json").write_text('{"schema":')
    store.Store(tmp_path).keep(card("new"))
    (kept,) = (place / "history").iterdir()
    assert kept.read_text() == '{"schema":'


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Files appear whole or not at all; the error says which, and what to do."""
    path = tmp_path / "scorecard.json"
    store.write(path, "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if call == "fsync" else (Path, "replace", full)))
    with pytest.raises(HarnessError, match="cannot be written: No space left on device; make room"):
        store.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# --- killed -----------------------------------------------------------------------------------------------------------

# The child keeps scorecard after scorecard and is killed: before its n-th call that may reach the disk, for each n, or
# at any time.
KILLED = """
import io, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_store
from grader import store

reports = store.Store(Path(sys.argv[2]))

def killed(work, at=None, within_s=None):
    pid = os.fork()
    if not pid:
        left = [at]
        def count(frame, event, argument):
            if event == "c_call" and (argument.__module__ == "posix" or isinstance(argument.__self__, io.IOBase)):
                left[0] -= 1
                if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)
        if at: sys.setprofile(count)
        work()
        sys.setprofile(None)
        os._exit(0)
    if within_s:
        time.sleep(random.uniform(0, within_s))
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] != 0

def current():
    return test_store.numbers(reports.folder)[0]

rounds = number = 0
while True:
    rounds += 1
    if not killed(lambda: reports.keep(test_store.numbered(number + 1)), at=rounds): break
    test_store.look(reports.folder, (number, number + 1))
    if current() > number:  # on to the next one only where this one came through: each point sees a replacement
        number = current()
print(rounds)

def on_and_on():
    n = current()
    while True:
        n += 1
        reports.keep(test_store.numbered(n))

for _ in range(40):
    number = current()
    killed(on_and_on, within_s=0.1)
    test_store.look(reports.folder, range(number, number + 10_000))
print(current())
"""


def numbered(number: int) -> Scorecard:
    """Give a scorecard that tells its number, and is so long that writing it takes a while."""
    return card(f"{number} " + "x" * (number % 7) * 100_000, started_at=f"2026-01-01T00:00:00+00:{number:05}")


def numbers(folder: Path) -> tuple[int, list[int]]:
    """Give the number of the current scorecard (-1: there is none) and those of the history."""
    place = folder / "alice"
    read = [int(json.loads(path.read_text())["reason"].split()[0]) for path in place.glob("history/*.json")]
    path = place / "scorecard.json"
    return (int(json.loads(path.read_text())["reason"].split()[0]) if path.exists() else 0), sorted(read)


def look(folder: Path, may_be: Iterable[int]) -> None:
    """Hold that the current scorecard is one of some, that every earlier one is in the history once, and no other."""
    now, earlier = numbers(folder)
    assert now in may_be, (now, may_be)
    assert earlier in (list(range(1, now)), list(range(1, now + 1))), (now, earlier)
    left = list(folder.rglob("*.tmp"))
    assert len(left) <= 1, left
    assert store.sweep(store.Store(folder).folders()) == len(left)
    known = {"scorecard.json", "history", *(path.name for path in folder.glob("alice/history/*.json"))}
    assert {path.name for path in folder.rglob("*")} - {"alice"} <= known


def test_a_writer_that_is_killed_leaves_the_old_file_or_the_new_one_whole(tmp_path: Path) -> None:
    """SIGKILL at every point, and at random ones: no file is torn, no scorecard lost, none kept twice, nothing left."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path)],
        env=batch.environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    points, kept = map(int, done.stdout.split())
    assert points > 20 and kept > 3


def test_unfinished_files_of_live_runs_and_other_users_are_spared(tmp_path: Path) -> None:
    """A sweep takes what dead processes left, and what is a day old; a file that only looks like ours stays."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = owner.this_process()
    dead = replace(mine, pid=str(ended.pid), started="1")

    def left(whose: owner.Owner, ending: str, age_s: float = 0) -> Path:
        path = tmp_path / f".grader.{'.'.join(whose.marks().values())}.{ending}.tmp"
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    spared = [left(mine, "1"), left(replace(dead, user="12345"), "2"), left(replace(dead, host="elsewhere"), "3")]
    spared += [tmp_path / ".grader.tmp", tmp_path / ".grader.x.tmp", tmp_path / ".scorecard.json.abc.tmp"]
    for path in spared:
        path.touch()
    swept = [left(dead, "4"), left(replace(mine, boot="00000000"), "5")]
    swept += [left(replace(dead, host="elsewhere"), "6", age_s=90_000)]
    assert store.sweep([tmp_path, tmp_path / "not-there"]) == len(swept)
    assert set(tmp_path.iterdir()) == set(spared)
    assert store.sweep([tmp_path], ours=True) == 1 and not spared[0].exists()


def test_new_folders_are_made_to_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power failure the file is where it was said to be: every new name on the way was written out, too."""
    synced: list[Path] = []
    real = os.fsync

    def note(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        real(fd)

    monkeypatch.setattr(os, "fsync", note)
    store.write(tmp_path / "a/b/c", "x")
    assert [path for path in synced if path.is_dir()] == [tmp_path, tmp_path / "a", tmp_path / "a/b"]
