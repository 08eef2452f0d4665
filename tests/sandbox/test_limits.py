"""Bombs: each stops at its limit, and the machine and the other side of the wall go on."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from rooms import a_room, read_until, run_to_end

from grader.sandbox.base import SPARE_PROCESSES, Sandbox, SandboxGone


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_a_fork_bomb_stops_at_the_limit(sandbox: Sandbox, kind: str) -> None:
    """Processes and threads together cannot exceed the limit."""
    program = f"""
import os, threading, time
made = 0
try:
    while made < 200:
        if {kind == "processes"}:
            if os.fork() == 0:
                time.sleep(60); os._exit(0)
        else:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        made += 1
except (OSError, RuntimeError):
    pass
print(made, flush=True)
os._exit(0)
"""
    made = int(run_to_end(sandbox, program, processes=16))
    assert 8 <= made <= 16 + SPARE_PROCESSES


def test_a_memory_bomb_is_killed_and_counted(sandbox: Sandbox) -> None:
    """A child that takes more than the limit is killed; the room stands, and the kill is counted."""
    program = """
import os, signal
pid = os.fork()
if pid == 0:
    held = []
    while True:
        held.append(b"x" * 2**24)
status = os.waitpid(pid, 0)[1]
print(signal.Signals(os.WTERMSIG(status)).name, flush=True)
input()
"""
    with a_room(sandbox, program, memory_mib=256) as room:
        assert room.usage().oom_kills == 0
        assert read_until(room, b"\n") == b"SIGKILL\n"
        assert room.usage().oom_kills == 1


def test_memory_hidden_in_files_counts_too(sandbox: Sandbox) -> None:
    """Memory filled by way of anonymous files, which no process holds mapped, is bounded by the same limit."""
    program = """
import os
files = []
while True:
    files.append(os.memfd_create("m"))
    for _ in range(16):
        os.write(files[-1], b"x" * 2**20)
"""
    with a_room(sandbox, program, memory_mib=256) as room:
        with pytest.raises(SandboxGone):
            room.receive(time.monotonic() + 60)
        assert room.usage().oom_kills != 0


@pytest.mark.parametrize(("folder", "mib"), [("/tmp", 32), ("/dev/shm", 16), ("/submission", 20)])
def test_a_folder_that_is_filled_is_full(sandbox: Sandbox, folder: str, mib: int) -> None:
    """Writing ends with a full disk at the folder's size."""
    program = f"""
import errno
written = 0
try:
    with open("{folder}/filler", "wb", buffering=0) as file:
        while written < 256 * 2**20:
            written += file.write(b"x" * 2**20)
except OSError as error:
    print(written // 2**20, errno.errorcode[error.errno])
"""
    got, error = run_to_end(sandbox, program, tmp_mib=32).split()
    assert error == "ENOSPC"
    assert abs(int(got) - mib) <= 1


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "/submission"])
def test_empty_files_run_out(sandbox: Sandbox, folder: str) -> None:
    """Files that hold nothing end too: by their number, or where bwrap cannot set one, by the memory they take."""
    program = f"""
import errno, os
made = 0
try:
    while made < 2_000_000:
        os.close(os.open(f"{folder}/{{made}}", os.O_CREAT | os.O_WRONLY)); made += 1
    print(made, "made", flush=True)
except OSError as error:
    print(made, errno.errorcode[error.errno], flush=True)
"""
    with a_room(sandbox, program, memory_mib=256) as room:
        try:
            made, how = read_until(room, b"\n").split()
        except SandboxGone:
            assert sandbox.name == "bubblewrap"
            assert room.usage().oom_kills
        else:
            assert how == b"ENOSPC"
            assert int(made) < 20_000


def test_descriptors_run_out(sandbox: Sandbox) -> None:
    """A process can open a thousand files, not a million, and cannot ask for more; core dumps are off."""
    program = """
import errno, os, resource as r
held = []
try:
    while len(held) < 100_000:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    how = errno.errorcode[error.errno]
more = []
for kind, most in ((r.RLIMIT_NOFILE, 1_000_000), (r.RLIMIT_CORE, 1)):
    try:
        r.setrlimit(kind, (most, most)); more.append(kind)
    except (OSError, ValueError):
        pass
os.write(1, f"{max(held)} {how} {more} {r.getrlimit(r.RLIMIT_CORE)}".encode())
"""
    assert run_to_end(sandbox, program) == "1023 EMFILE [] (0, 0)"


def test_a_flood_on_the_stream_waits_for_its_reader(sandbox: Sandbox) -> None:
    """A program that never stops writing fills neither our memory nor more than a few MiB on the way."""
    program = """
import os, threading, time
sent = 0
def tell():
    while True:
        time.sleep(1); os.write(2, b"%d " % (sent >> 20))
threading.Thread(target=tell, daemon=True).start()
while True:
    sent += os.write(1, b"x" * 2**20)
"""
    with a_room(sandbox, program) as room:
        room.receive(time.monotonic() + 20)
        before = resident_mib()
        time.sleep(2.5)
        assert resident_mib() - before < 16
        taken = sum(len(room.receive(time.monotonic() + 20)) for _ in range(32))
        assert taken <= 32 * 2**20
        assert resident_mib() - before < 16


def resident_mib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


def test_processor_time_is_measured_from_outside(sandbox: Sandbox) -> None:
    """The time that all processes inside used is known, whatever their own clocks say."""
    program = """
import os, time
if os.fork() == 0:
    while time.process_time() < 0.5: pass
    os._exit(0)
os.wait()
print("done", flush=True)
input()
"""
    with a_room(sandbox, program) as room:
        read_until(room, b"done\n")
        used = room.usage().cpu_s
        assert used is not None and 0.5 <= used < 3
    assert room.usage().cpu_s == pytest.approx(used, abs=0.2)  # also after the end


def test_all_limits_hold_here(sandbox: Sandbox) -> None:
    """On the machines that test this project nothing is best effort."""
    with a_room(sandbox, "input()") as room:
        assert room.best_effort == ()
