"""One processor for each sandbox, so that sandboxes of parallel runs share one only when there are too few."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

_own: int | None = None  # the processor of this process's last sandbox


class Seat:
    """A processor that is held, by a lock on a file, until close() or until this process ends."""

    def __init__(self, number: int | None, fd: int | None) -> None:
        self.number = number  # None: this system has no way to say which
        self._fd = fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def take_seat() -> Seat:
    """Hold a processor that no other sandbox of this user holds. Where all are taken, share with this process's last
    sandbox: of one submission's, mostly one is at work."""
    global _own
    if sys.platform != "linux":
        return Seat(None, None)
    numbers = sorted(os.sched_getaffinity(0))
    random.shuffle(numbers)
    fds = ((number, _hold(number)) for number in numbers)
    number, fd = next((seat for seat in fds if seat[1] is not None), (numbers[0] if _own is None else _own, None))
    _own = number
    return Seat(number, fd)


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
