"""One processor for each sandbox, so that those at work at once share one only where there are too few."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path


class Seat:
    """A processor that is held, by a lock on a file, until close() or until this process ends; or one to share."""

    def __init__(self, number: int | None, fd: int | None) -> None:
        self.number = number  # None: this system has no way to say which
        self._fd = fd

    @property
    def is_held(self) -> bool:
        return self._fd is not None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


_first = Seat(None, None)  # of this process


def take_seat() -> Seat:
    """Give a sandbox a processor: one that no other of this user is on, while there are enough.

    A process holds one of its own, and its second sandbox sits there too where no other is quite free: of a
    submission's two, mostly one is at work, and were each to hold one, the first ones of others would share the rest.
    """
    global _first
    if sys.platform != "linux":
        return Seat(None, None)
    numbers = sorted(os.sched_getaffinity(0))
    random.shuffle(numbers)
    if _first.is_held:
        return _second_seat(numbers)
    numbers.sort(key=_has_second)
    fds = ((number, _hold(f"cpu{number}")) for number in numbers)
    shared = numbers[0] if _first.number is None else _first.number
    _first = next((Seat(number, fd) for number, fd in fds if fd is not None), Seat(shared, None))
    return _first


def _second_seat(numbers: list[int]) -> Seat:
    for number in numbers:
        first, second = _hold(f"cpu{number}"), _hold(f"cpu{number}-second")
        if first is not None:
            os.close(first)
            if second is not None:
                return Seat(number, second)
        if second is not None:
            os.close(second)
    return Seat(_first.number, None)


def _has_second(number: int) -> bool:
    fd = _hold(f"cpu{number}-second")
    if fd is not None:
        os.close(fd)
    return fd is None


def _hold(name: str) -> int | None:
    """Lock a file that stands for a seat; None where another process has, or the file cannot be had."""
    import fcntl

    path = Path(tempfile.gettempdir()) / f"grader-{os.getuid()}-{name}"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:  # another user's file of that name, or a full disk: then sharing is all there is
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
