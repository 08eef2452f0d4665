"""The only door in: a folder or a .zip is read once into memory, and everything after works on that snapshot.

What is refused file by file is named and counts as missing; what is wrong with the whole raises Rejected.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.archive import unpack
from grader.errors import HarnessError, UsageError
from grader.intake import DISK_FAULTS, MIB, VENV_MARK, VENV_REASON, Intake, is_left_out, read_toml, tidy_order
from grader.models import KIT_ID, Limits


@dataclass(frozen=True)
class Snapshot:
    """A submission as it was when it was read."""

    files: dict[str, bytes]  # posix path relative to the submission -> content
    refused: dict[str, str]  # path, made printable -> why it did not come in
    digest: str  # sha256:... of names and bytes
    kit: str | None  # what submission.toml says


def check(path: Path) -> None:
    """Say whether path can be a submission at all, without reading it. Raises UsageError."""
    os.close(_open(path))


def read(path: Path, limits: Limits) -> Snapshot:
    """Take in the folder or .zip at path.

    Raises: UsageError where there is no such thing, Rejected where it may not come in as a whole.
    """
    intake = Intake(limits)
    fd = _open(path)
    try:
        with _disk_faults():
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                _walk(fd, (), intake)
            else:
                with os.fdopen(os.dup(fd), "rb") as file:
                    unpack(file, intake)
    finally:
        os.close(fd)
    return Snapshot(
        files=dict(sorted(intake.files.items())),
        refused=intake.refused,
        digest=digest(intake.files),
        kit=_kit(intake.files),
    )


def _open(path: Path) -> int:
    """Open the folder or archive itself; a link is not followed, since it may lead to another's work."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            raise UsageError(f"{path} is a symbolic link; name the folder or .zip that it leads to")
        if not stat.S_ISDIR(mode) and not (stat.S_ISREG(mode) and path.suffix.lower() == ".zip"):
            raise UsageError(f"{path} is neither a folder nor a .zip; a submission is one of the two")
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {_why(error)}") from None
    if stat.S_IFMT(os.fstat(fd).st_mode) != stat.S_IFMT(mode):
        os.close(fd)
        raise UsageError(f"{path} was replaced while it was opened; try again")
    return fd


def _walk(fd: int, parts: tuple[str, ...], intake: Intake) -> None:
    """Take in the open folder fd, which lies at parts. Nothing in it is opened by path, no link is followed."""
    names = []
    with os.scandir(fd) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) > 2 * intake.most_files:  # files and folders; sorting more would be for nothing
                intake.reject_many()
    if parts and VENV_MARK in names:
        intake.refuse(parts, VENV_REASON)
        return
    for name in sorted(names, key=tidy_order):
        here = (*parts, name)
        if is_left_out(name):
            intake.leave_out(here)
            continue
        try:
            seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if not stat.S_ISDIR(seen.st_mode):
                if intake.admit_file(here):
                    _take(fd, here, seen, intake)
            elif intake.admit_folder(here):
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
                try:
                    _walk(inner, here, intake)
                finally:
                    os.close(inner)
        except OSError as error:
            if error.errno in DISK_FAULTS:
                raise
            intake.refuse(here, f"cannot be read: {_why(error)}")


def _take(fd: int, here: tuple[str, ...], seen: os.stat_result, intake: Intake) -> None:
    """Read one file. It is looked at before it is opened, since opening a device can act, and again afterwards."""
    fault = _kind_fault(seen)
    if fault is not None:
        intake.refuse(here, fault)
        return
    file = os.open(here[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=fd)
    try:
        opened = os.fstat(file)
        fault = _kind_fault(opened)
        if fault is None:
            intake.take(here, opened.st_size, lambda most: _content(file, opened, most))
    except _Changed:
        fault = "changed while it was read"
    finally:
        os.close(file)
    if fault is not None:
        intake.refuse(here, fault)


def _kind_fault(seen: os.stat_result) -> str | None:
    if not stat.S_ISREG(seen.st_mode):
        kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
        return f"{kinds.get(stat.S_IFMT(seen.st_mode), 'a device')}; only regular files come in"
    if seen.st_nlink > 1:
        return "a hard link: the same file lies elsewhere too; hand in a copy"
    return None


class _Changed(Exception):
    """A file was written to while it was read."""


def _content(file: int, opened: os.stat_result, most: int) -> bytes:
    chunks = []
    while most > 0 and (chunk := os.read(file, min(most, MIB))):
        chunks.append(chunk)
        most -= len(chunk)
    after = os.fstat(file)
    if (after.st_size, after.st_mtime_ns) != (opened.st_size, opened.st_mtime_ns):
        raise _Changed
    return b"".join(chunks)


@contextmanager
def _disk_faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HarnessError(f"reading the submission failed: {_why(error)}; check the disk, then grade again") from error


def digest(files: dict[str, bytes]) -> str:
    """Hash names and bytes, each with its length before it, so that no two submissions share a stream."""
    total = hashlib.sha256()
    for path, data in sorted(files.items()):
        for field in (path.encode(), data):
            total.update(len(field).to_bytes(8, "big") + field)
    return f"sha256:{total.hexdigest()}"


def _kit(files: dict[str, bytes]) -> str | None:
    """Give the kit that submission.toml names; None where it names none, or cannot be read."""
    try:
        kit = read_toml(files.get("submission.toml", b"")).get("kit")
    except ValueError:
        return None
    return kit if isinstance(kit, str) and re.fullmatch(KIT_ID, kit) else None


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
