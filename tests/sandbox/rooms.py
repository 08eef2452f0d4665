"""Programs of a test's own, run inside a sandbox."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.models import Limits
from grader.sandbox.base import Room, Sandbox, SandboxGone

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = Path(__file__).parent / "attacks"
PATIENCE_S = 60.0


@contextlib.contextmanager
def a_room(sandbox: Sandbox, program: str, **limits: Any) -> Iterator[Room]:
    """Open a sandbox with program in the worker's place, and close it."""
    room = sandbox.open(Limits(**limits), program)
    try:
        yield room
    finally:
        room.close()


def read_until(room: Room, end: bytes) -> bytes:
    data = b""
    deadline = time.monotonic() + PATIENCE_S
    while not data.endswith(end):
        data += room.receive(deadline)
    return data


def run_to_end(sandbox: Sandbox, program: str, **limits: Any) -> str:
    """Run program in a sandbox to its end, and give what it wrote."""
    data = b""
    with a_room(sandbox, program, **limits) as room:
        try:
            while True:
                data += room.receive(time.monotonic() + PATIENCE_S)
        except SandboxGone as gone:
            if "status 0" not in str(gone):
                raise
    return data.decode()
