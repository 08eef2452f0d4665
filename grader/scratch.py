"""A temporary folder of this process, locked while it lives: what is not locked was left by a run that was killed."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

NEW, RUN = "new-", "run-"
HOME_BYTES = 75  # a socket's path has at most 107, and /run-????????/listener-???????? comes below this
NEW_S = 60.0  # much longer than a new one takes to be locked


def folder() -> Path:
    """Make a folder that is gone when this process is, at the latest when the next one sweeps. Raises OSError."""
    home = _home()
    made = Path(tempfile.mkdtemp(prefix=NEW, dir=home))
    fd = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_EX)
    made = made.rename(home / made.name.replace(NEW, RUN))  # it is seen only once it is locked
    atexit.register(_leave, made, fd, os.getpid())
    return made


def sweep() -> int:
    """Take away the folders of runs that have died, and give how many."""
    swept = 0
    with contextlib.suppress(OSError):
        for path in _home().iterdir():
            with contextlib.suppress(OSError):
                if path.name.startswith(NEW) and time.time() - path.lstat().st_mtime < NEW_S:
                    continue
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
                    swept += 1
                finally:
                    os.close(fd)
    return swept


def _leave(path: Path, fd: int, pid: int) -> None:
    if os.getpid() == pid:  # not what was forked from it
        shutil.rmtree(path, ignore_errors=True)
        os.close(fd)


def _home() -> Path:
    """Give this user's own place among temporary files. Raises OSError, also where somebody else took it."""
    home = Path(tempfile.gettempdir()) / f"grader-{os.getuid()}"
    if len(os.fsencode(home)) > HOME_BYTES:
        home = Path("/tmp") / home.name
    home.mkdir(mode=0o700, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise PermissionError(f"{home} is another user's, or open to others")
    return home
