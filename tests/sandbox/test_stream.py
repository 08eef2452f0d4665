"""The byte stream between the two sides, and its deadlines."""

from __future__ import annotations

import time

import pytest
from rooms import a_room, read_until

from grader.sandbox.base import Deadline, Sandbox, SandboxGone

MIB = 2**20


def test_64_mib_go_in_and_come_back_whole(sandbox: Sandbox) -> None:
    """The largest reply passes both ways, byte for byte, in pieces of at most 1 MiB."""
    data = bytes(range(256)) * (64 * MIB // 256)
    program = f"""
import sys
data = sys.stdin.buffer.read({len(data)})
sys.stdout.buffer.write(data)
sys.stdout.buffer.flush()
"""
    with a_room(sandbox, program) as room:
        deadline = time.monotonic() + 60
        room.send(data, deadline)
        back = bytearray()
        while len(back) < len(data):
            piece = room.receive(deadline)
            assert 0 < len(piece) <= MIB
            back += piece
        assert back == data


def test_silence_ends_at_the_deadline(sandbox: Sandbox) -> None:
    """Waiting for a program that says nothing ends when it should."""
    with a_room(sandbox, "input()") as room:
        started = time.monotonic()
        with pytest.raises(Deadline):
            room.receive(started + 0.3)
        assert 0.29 < time.monotonic() - started < 2


def test_a_program_that_never_reads_ends_at_the_deadline(sandbox: Sandbox) -> None:
    """Sending to a program that does not read ends when it should, however much is left."""
    refusal = pytest.raises(Deadline, match="of 67,108,864 bytes were not taken")
    with a_room(sandbox, "import time; time.sleep(60)") as room, refusal:
        room.send(b"x" * 64 * MIB, time.monotonic() + 1)


def test_a_deadline_that_has_passed_still_hears_no_more(sandbox: Sandbox) -> None:
    """A deadline in the past is an error at once, not a wait for ever."""
    with a_room(sandbox, "input()") as room, pytest.raises(Deadline):
        room.receive(time.monotonic() - 1)


@pytest.mark.parametrize("to", [1, 2])
def test_bytes_that_keep_coming_do_not_move_the_deadline(sandbox: Sandbox, to: int) -> None:
    """A program that writes a byte now and now, on either stream, is not listened to for longer."""
    program = f"""
import os, time
while True:
    os.write({to}, b"x")
    time.sleep(0.0003)
"""
    with a_room(sandbox, program) as room:
        deadline = time.monotonic() + 2
        with pytest.raises(Deadline):
            while True:
                room.receive(deadline)
        assert time.monotonic() < deadline + 1


def test_the_end_of_the_program_is_told_with_its_last_words(sandbox: Sandbox) -> None:
    """A worker that dies says how and why, so that the harness can say it too; what it wrote before is not lost."""
    with a_room(sandbox, "import sys; print('first', flush=True); sys.exit('it broke')") as room:
        assert read_until(room, b"\n") == b"first\n"
        with pytest.raises(SandboxGone, match=r"status 1.*it broke"):
            room.receive(time.monotonic() + 20)
        with pytest.raises(SandboxGone):
            while True:
                room.send(b"x" * MIB, time.monotonic() + 20)


def test_a_flood_on_standard_error_is_only_remembered_at_its_end(sandbox: Sandbox) -> None:
    """Standard error cannot fill the judge's memory, nor block the stream."""
    program = """
import sys
for _ in range(64): sys.stderr.write("x" * 2**20)
sys.stderr.write("the end")
print("done", flush=True)
"""
    with a_room(sandbox, program) as room:
        assert read_until(room, b"done\n") == b"done\n"
        with pytest.raises(SandboxGone) as gone:
            room.receive(time.monotonic() + 20)
        assert str(gone.value).endswith("the end")
        assert len(str(gone.value)) < 5000


def test_a_closed_room_is_gone(sandbox: Sandbox) -> None:
    """After close, which may be called twice, both directions say so instead of waiting."""
    with a_room(sandbox, "input()") as room:
        pass
    room.close()
    with pytest.raises(SandboxGone):
        room.receive(time.monotonic() + 5)
    with pytest.raises(SandboxGone):
        room.send(b"x", time.monotonic() + 5)
