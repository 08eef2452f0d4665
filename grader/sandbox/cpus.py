"""One processor for each sandbox, and for each submission one that no other holds while there are enough."""

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


_last = Seat(None, None)  # of this process


def take_seat() -> Seat:
    """Give a sandbox a processor that no other of this user holds; where all are held, that of this process's last one.

    A process holds one at most: of a submission's two sandboxes, mostly one is at work, and were each to hold one, the
    sandboxes of others would share what is left.
    """
    global _last
    if sys.platform != "linux":
        return Seat(None, None)
    numbers = sorted(os.sched_getaffinity(0))
    random.shuffle(numbers)
    fds = ((number, _hold(number)) for number in numbers)
    shared = numbers[0] if _last.number is None else _last.number
    seat = next((Seat(number, fd) for number, fd in fds if fd is not None), Seat(shared, None))
    if _last.is_held:
        seat.close()
    else:
        _last = seat
    return seat


def _hold(number: int) -> int | None:
    """Lock a processor's file; None where another sandbox has, or the file cannot be had."""
    import fcntl

    path = Path(tempfile.gettempdir()) / f"grader-{os.getuid()}-cpu{number}"
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
