"""One processor for each sandbox, so that sandboxes of parallel runs share one only when there are too few."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path


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
    """Hold a processor that no other sandbox of this user holds, or share one where all are taken."""
    if sys.platform != "linux":
        return Seat(None, None)
    import fcntl

    numbers = sorted(os.sched_getaffinity(0))
    random.shuffle(numbers)
    for number in numbers:
        try:
            fd = os.open(
                Path(tempfile.gettempdir()) / f"grader-{os.getuid()}-cpu{number}",
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
        except OSError:  # another user's file of that name, or a full disk: then sharing is all there is
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            continue
        return Seat(number, fd)
    return Seat(numbers[0], None)
