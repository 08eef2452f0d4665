"""Temporary folders: gone with their process, or swept when it was killed; never where others can write."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import batch, scratch

MAKE = "import time; from grader import scratch; print(scratch.folder(), flush=True); time.sleep(float(input()))"


@pytest.fixture
def tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as made:  # a short path: sockets lie below it
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield Path(made)


def maker(tmp: Path) -> tuple[subprocess.Popen[str], Path]:
    environment = batch.environment() | {"TMPDIR": str(tmp)}
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_a_folder_ends_with_its_process(tmp: Path) -> None:
    """Whoever ends in order leaves nothing to sweep."""
    process, made = maker(tmp)
    assert made.is_dir() and scratch.sweep() == 0 and made.is_dir()  # it lives
    process.communicate("0")
    assert not made.exists()


def test_what_a_killed_process_left_is_swept(tmp: Path) -> None:
    """The lock went with the process, so the next start may take its folder; a live one's stays."""
    (dead, left), (live, kept) = maker(tmp), maker(tmp)
    (left / "listener").touch()
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert scratch.sweep() == 1
    assert not left.exists() and kept.is_dir()
    live.communicate("0")


def test_a_long_way_to_temporary_files_is_not_taken(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of a socket has a limit of the kernel's, and a server of ours listens in such a folder."""
    far = tmp / ("long-" * 20)
    far.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(far))
    made = scratch.folder()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(made / "listener-12345678"))
    assert made.parent == Path(f"/tmp/grader-{os.getuid()}") and not [*far.iterdir()]
    made.joinpath("listener-12345678").unlink()
    made.rmdir()


def test_a_folder_that_others_can_change_is_not_used(tmp: Path) -> None:
    """Somebody who was there first cannot lay out the files of a run."""
    home = tmp / f"grader-{os.getuid()}"
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(PermissionError, match="open to others"):
        scratch.folder()
    home.rmdir()
    home.symlink_to(tmp)
    with pytest.raises(PermissionError):
        scratch.folder()
    assert scratch.sweep() == 0
