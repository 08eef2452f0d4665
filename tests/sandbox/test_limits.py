"""Bombs: each stops at its limit, and the machine and the other side of the wall go on."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path

import pytest
from rooms import a_room, read_until, run_to_end

from grader.models import Limits
from grader.sandbox import choose, cpus, promises
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


def test_empty_files_run_out(sandbox: Sandbox) -> None:
    """Files without a byte in them end at a limit too: of inodes where it can be set, else of memory."""
    program = """
import errno, os
made = 0
try:
    while made < 2_000_000:
        os.close(os.open(f"/tmp/{made}", os.O_CREAT | os.O_WRONLY))
        made += 1
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
input()
"""
    with a_room(sandbox, program, memory_mib=256) as room:
        try:
            assert read_until(room, b"\n") == b"ENOSPC\n"
        except SandboxGone:
            assert room.usage().oom_kills


def test_descriptors_run_out(sandbox: Sandbox) -> None:
    """A process can open a thousand files, not a million; core dumps are off."""
    program = """
import errno, json, os, resource as r
held = []
try:
    while len(held) < 100_000: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error: why = errno.errorcode[error.errno]
for number in held: os.close(number)
print(json.dumps([len(held), why, r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE)]))
"""
    opened, why, files, core = json.loads(run_to_end(sandbox, program))
    assert 1000 < opened < 1024 and why == "EMFILE"
    assert files == [1024, 1024]
    assert core == [0, 0]


def test_a_flood_on_the_stream_waits_for_its_reader(sandbox: Sandbox) -> None:
    """A program that never stops writing fills no memory of ours, and close ends it as soon as any other."""
    program = """
import os
while True: os.write(1, b"x" * 2**20)
"""
    with a_room(sandbox, program) as room:
        room.receive(time.monotonic() + 20)
        before = resident_mib()
        time.sleep(2)
        assert resident_mib() - before < 16
        for _ in range(32):
            assert len(room.receive(time.monotonic() + 20)) <= 2**20
        assert resident_mib() - before < 16
        started = time.monotonic()
        room.close()
        assert time.monotonic() - started < 8


def resident_mib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


@pytest.mark.bubblewrap
def test_the_kernel_was_told_every_limit() -> None:
    """Read back from outside: the control groups and rlimits of the first process are what was asked for."""
    limits = Limits(memory_mib=300, processes=30)
    room = choose("bubblewrap").open(limits, "print('up', flush=True); input()")
    try:
        read_until(room, b"up\n")
        pid = list(promises._descent(room._process.pid))[-1]
        told = {}
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
            told[line[:26].strip()] = line[26:].split()[:2]
        assert told["Max open files"] == ["1024", "1024"] and told["Max core file size"] == ["0", "0"]
        held = {}
        for door in room._group.doors:
            assert str(pid) in Path(door).read_text().split()
            for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max", "pids.max"):
                if (file := Path(door).with_name(name)).exists():
                    held[name] = file.read_text().strip()
        memory = str(300 * 2**20)
        assert held["pids.max"] == str(30 + SPARE_PROCESSES)
        assert held.get("memory.limit_in_bytes", held.get("memory.max")) == memory
        assert held.get("memory.memsw.limit_in_bytes", memory) == memory
        assert len(os.sched_getaffinity(pid)) == 1
    finally:
        room.close()


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


SESSIONS = """
import os
for _ in range(30):
    if os.fork() == 0:
        os.setsid()
        while True: pass
os.write(1, b"ready")
os.wait()
"""
ALONE = "import os; os.write(1, b'ready')\nwhile True: pass"


def test_many_sessions_of_one_sandbox_do_not_outweigh_another(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may give each session an equal share of a processor; sandboxes have it by sandbox."""
    number = min(os.sched_getaffinity(0))
    monkeypatch.setattr(cpus, "take_seat", lambda: cpus.Seat(number, None))
    with a_room(sandbox, SESSIONS) as many, a_room(sandbox, ALONE) as one:
        for room in (many, one):
            read_until(room, b"ready")
        before = [room.usage().cpu_s for room in (many, one)]
        time.sleep(3)
        after = [room.usage().cpu_s for room in (many, one)]
    many_s, one_s = (b - a for a, b in zip(before, after, strict=True) if a is not None and b is not None)
    assert many_s < 5 * one_s, f"{many_s:.2f} s beside {one_s:.2f} s"
