"""Processes inside: none outlives its sandbox, keeps the judge waiting, or looks into another that does not let it."""

from __future__ import annotations

import time
import uuid

import pytest
from rooms import a_room, read_until, run_to_end
from test_cleanup import wait_until_gone

from grader.sandbox.base import Sandbox, SandboxGone
from grader.sandbox.doctor import processes_with

CLOSED_WITHIN_S = 8.0

# Each is the program's first lines; it says `up` when it is at work, and its processes carry the token.
STAYERS = {
    "busy and deaf": """
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    with contextlib.suppress(OSError, ValueError): signal.signal(number, signal.SIG_IGN)
for _ in range(4):
    if os.fork() == 0: break
else: say("up")
while True: pass
""",
    "stops itself and all others": """
for _ in range(3):
    if os.fork() == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(300)
time.sleep(0.2)
with contextlib.suppress(OSError): os.kill(-1, signal.SIGSTOP)
os.kill(1, signal.SIGSTOP)
say("up")
time.sleep(300)
""",
    "daemons in sessions of their own": """
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(300)
say("up")
time.sleep(300)
""",
}
HEAD = "import contextlib, os, signal, time\ndef say(word): os.write(1, word.encode() + b'\\n')\n"


@pytest.mark.parametrize("kind", STAYERS)
def test_close_is_the_end_of_all(sandbox: Sandbox, kind: str) -> None:
    """Close takes seconds at most and leaves no process, whatever they ignore and however they hide."""
    token = uuid.uuid4().hex
    with a_room(sandbox, f"{HEAD}{STAYERS[kind]}# {token}", processes=32) as room:
        assert read_until(room, b"up\n") == b"up\n"
        assert processes_with(token)
        started = time.monotonic()
        room.close()
        assert time.monotonic() - started < CLOSED_WITHIN_S
    assert wait_until_gone(token) == []


def test_grandchildren_do_not_keep_the_stream_open(sandbox: Sandbox) -> None:
    """When the first process ends, so does the stream, though a daemon still holds its other end."""
    token = uuid.uuid4().hex
    program = f"""{HEAD}
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(300)
    os._exit(0)
os.wait()
# {token}
"""
    with a_room(sandbox, program) as room:
        started = time.monotonic()
        with pytest.raises(SandboxGone, match="status 0"):
            room.receive(started + 30)
        assert time.monotonic() - started < CLOSED_WITHIN_S
    assert wait_until_gone(token) == []


def test_the_first_process_cannot_be_ended_or_stopped_from_inside(sandbox: Sandbox) -> None:
    """Its children may send it what they like: it goes on answering, so that whose fault an end is stays clear."""
    program = f"""{HEAD}
if os.fork() == 0:
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV): os.kill(1, number)
    os._exit(0)
os.wait()
print(input(), flush=True)
"""
    with a_room(sandbox, program) as room:
        room.send(b"still here\n", time.monotonic() + 10)
        assert read_until(room, b"\n") == b"still here\n"


def test_a_process_that_hides_its_memory_is_closed_to_its_own_user(sandbox: Sandbox) -> None:
    """The worker's parent makes itself undumpable: then its child, of the same user, reads nothing of it in /proc."""
    program = f"""{HEAD}
import ctypes, sys
def readable():
    found = []
    for name in ("environ", "mem", "maps", "auxv", "stack", "syscall", "io", "pagemap"):
        with contextlib.suppress(OSError):
            with open(f"/proc/1/{{name}}", "rb") as file:
                if name == "mem": file.seek(MAPPED)
                if file.read(16): found.append(name)
    with contextlib.suppress(OSError):
        found += [f"fd/{{n}}" for n in os.listdir("/proc/1/fd") if os.readlink(f"/proc/1/fd/{{n}}")]
    with contextlib.suppress(OSError):
        os.close(os.open("/proc/1/fd/0", os.O_RDONLY)); found.append("fd/0 opened")
    with contextlib.suppress(OSError):
        os.readlink("/proc/1/cwd"); found.append("cwd")
    return found
MAPPED = int(open("/proc/self/maps").read().split("-")[0], 16)
for dumpable in (1, 0):
    ctypes.CDLL(None).prctl(4, dumpable, 0, 0, 0)
    if os.fork() == 0:
        os.write(1, " ".join(readable()).encode() + b"\\n"); os._exit(0)
    os.wait()
"""
    before, after = run_to_end(sandbox, program).split("\n")[:2]
    assert {"environ", "fd/0"} <= set(before.split())
    assert after == ""


def test_an_interpreter_that_is_started_inside_has_the_packages(sandbox: Sandbox) -> None:
    """Tests may run what they test in a process of its own: torch and numpy are there as well, whatever its path."""
    program = (
        "import os, subprocess, sys\n"
        "for how, env in (('-c', {}), ('-Ic', {}), ('-c', {'PYTHONPATH': '/tmp'})):\n"
        "    subprocess.run([sys.executable, how, 'import numpy, torch; print(torch.ones(2).sum(), flush=True)'],\n"
        "        env=os.environ | env, check=True)"
    )
    assert run_to_end(sandbox, program).split() == ["tensor(2.)"] * 3
