"""Nothing is left: not after close, not after the grader was killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from fnmatch import fnmatch
from pathlib import Path

import pytest
from rooms import ROOT, a_room, read_until

from grader.models import Limits
from grader.sandbox import choose
from grader.sandbox.base import Room, Sandbox
from grader.sandbox.doctor import processes_with

# A program with a grandchild in a session of its own, which ignores polite signals. Both carry the token.
STUBBORN = """
import signal, subprocess, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
code = "import time; print('up', flush=True); time.sleep(300) # TOKEN"
subprocess.Popen([sys.executable, "-I", "-c", code], start_new_session=True)
input()
"""
# All its processes stop themselves, so that none can hear a signal that could be caught.
STOPPED = """
import os, signal, subprocess, sys
code = "import os, signal; print('up', flush=True); os.kill(os.getpid(), signal.SIGSTOP); input() # TOKEN"
subprocess.Popen([sys.executable, "-I", "-c", code], start_new_session=True)
if os.fork(): os.kill(os.getpid(), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
input()
"""
# It forks as fast as it can, each child in a session of its own, so that some are always just being born.
FORKING = """
import os, subprocess, sys
code = '''
import os # TOKEN
print("up", flush=True)
while True:
    try:
        if os.fork() == 0: os.setsid()
        else: os._exit(0)
    except OSError: pass
'''
subprocess.Popen([sys.executable, "-I", "-c", code])
input()
"""
HOLDER = """
import sys, time
from grader.models import Limits
from grader.sandbox import choose
room = choose(sys.argv[1]).open(Limits(), sys.argv[2])
while b"up" not in room.receive(time.monotonic() + 60): pass
print("open", flush=True)
time.sleep(300)
"""


def groups_of(pid: int) -> list[Path]:
    # Not rglob, which fails where somebody else's group goes away as it is read.
    names = ((at, name) for at, folders, _ in os.walk("/sys/fs/cgroup") for name in folders)
    return [Path(at, name) for at, name in names if fnmatch(name, f"grader.*.{pid}.*")]


def containers_of(pid: int) -> list[str]:
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        return []
    command = ["docker", "ps", "-aq", "--filter", f"label=grader.pid={pid}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def wait_until_gone(token: str) -> list[int]:
    until = time.monotonic() + 10
    while (left := processes_with(token)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("program", [STUBBORN, STOPPED, FORKING], ids=["stubborn", "stopped", "forking"])
def test_close_leaves_nothing(sandbox: Sandbox, program: str) -> None:
    """After close no process, control group or container of the sandbox exists."""
    token = uuid.uuid4().hex
    before = groups_of(os.getpid()), containers_of(os.getpid())
    with a_room(sandbox, program.replace("TOKEN", token)) as room:
        read_until(room, b"up\n")
        assert processes_with(token)
        assert (groups_of(os.getpid()), containers_of(os.getpid())) != before
    assert processes_with(token) == []
    assert (groups_of(os.getpid()), containers_of(os.getpid())) == before


def test_nothing_survives_a_killed_grader_after_the_next_start(sandbox: Sandbox) -> None:
    """A grader that dies by SIGKILL leaves at most traces, which the next run sweeps."""
    token = uuid.uuid4().hex
    program = STUBBORN.replace("TOKEN", token)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, sandbox.name, program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "open\n"
        assert processes_with(token)
        assert groups_of(holder.pid) or containers_of(holder.pid)
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)

    choose(sandbox.name).prepare(print)

    assert wait_until_gone(token) == []
    assert groups_of(holder.pid) == []
    assert containers_of(holder.pid) == []


def test_the_sweeper_spares_live_runs(sandbox: Sandbox) -> None:
    """A run that starts while another is at work takes nothing from it."""
    with a_room(sandbox, "print(input(), flush=True); input()") as room:
        sweep = "import sys; from grader.sandbox import choose; choose(sys.argv[1]).prepare(print)"
        subprocess.run([sys.executable, "-c", sweep, sandbox.name], cwd=ROOT, check=True)
        room.send(b"alive\n", time.monotonic() + 10)
        assert read_until(room, b"\n") == b"alive\n"


def test_a_room_outlives_the_thread_that_opened_it(sandbox: Sandbox) -> None:
    """bwrap follows the thread that started it; a room must not end with a short-lived one."""
    rooms: list[Room] = []
    opener = threading.Thread(
        target=lambda: rooms.append(sandbox.open(Limits(), "print(input(), flush=True); input()"))
    )
    opener.start()
    opener.join()
    try:
        time.sleep(0.5)
        rooms[0].send(b"alive\n", time.monotonic() + 10)
        assert read_until(rooms[0], b"\n") == b"alive\n"
    finally:
        rooms[0].close()


def test_rooms_of_one_run_do_not_meet(sandbox: Sandbox) -> None:
    """Two sandboxes at once see neither each other's processes nor each other's files."""
    program = """
import os
open("/tmp/mine", "x").close(); open("/dev/shm/mine", "x").close()
print(len([p for p in os.listdir("/proc") if p.isdigit()]), flush=True)
input()
"""
    with a_room(sandbox, program) as one, a_room(sandbox, program) as other:
        assert read_until(one, b"\n") == read_until(other, b"\n") == b"1\n"
