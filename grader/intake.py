"""What may come in through the door: names and caps, the same for folders and archives."""

from __future__ import annotations

import errno
import tomllib
import unicodedata
from collections.abc import Callable
from typing import Any

from grader.errors import Rejected
from grader.models import Limits

MIB = 2**20
NAME_BYTES = 255  # what common file systems hold
PATH_BYTES = 1024  # what the calls of every common system take
TOML_BYTES = 16 * 1024
TOML_DOTS = 1000  # tomllib takes time that grows with the square of a dotted key
SOURCE_ENDS = (".py", ".toml", ".md")
LEFT_OUT = frozenset({
    ".git", ".hg", ".svn", ".venv", ".tox", ".nox", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    ".hypothesis", ".ipynb_checkpoints", ".idea", ".vscode", "node_modules", "__MACOSX", ".DS_Store", "Thumbs.db",
})  # fmt: skip
# Faults of the disk or the host, for which no submission pays.
DISK_FAULTS = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
VENV_MARK = "pyvenv.cfg"
# Letters, marks and symbols by category, and yet nothing to see: fillers, variation selectors, a note without a head.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159\U00016fe4") | {
    chr(n) for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF)) for n in range(first, last + 1)
}
LEFT_OUT_REASON = "left out: no part of a submission"
VENV_REASON = "left out: a virtual environment"


class Intake:
    """Collects a submission file by file: counts, judges names, and stops at the caps."""

    def __init__(self, limits: Limits):
        self.files: dict[str, bytes] = {}  # posix path -> content
        self.refused: dict[str, str] = {}  # path, made printable -> why it did not come in
        self.most_files = limits.files
        self.levels = limits.levels
        self._total_bytes = int(limits.submission_mib * MIB)
        self._source_bytes = int(limits.source_file_mib * MIB)
        self._room_bytes = self._total_bytes
        self._packed_bytes = 0
        self._file_count = 0
        self._folder_count = 0
        self._folded: set[str] = set()

    def refuse(self, parts: tuple[str, ...], reason: str) -> None:
        """Name a path that does not come in; it does not count against the others."""
        self.refused[printable("/".join(parts))] = reason

    def leave_out(self, parts: tuple[str, ...], reason: str = LEFT_OUT_REASON) -> None:
        """Name what tools leave beside a submission. Raises Rejected where there is too much of it."""
        self._count_folder()
        self.refuse(parts, reason)

    def admit_folder(self, parts: tuple[str, ...]) -> bool:
        """Count a folder and judge its name: whether to go into it. Raises Rejected."""
        self._count_folder()
        if len(parts) > self.levels:
            raise Rejected(
                f"folders are nested more than {self.levels} levels deep (limits.levels in the rubric): "
                + printable("/".join(parts), 80)
            )
        return self._name_is_good(parts)

    def admit_file(self, parts: tuple[str, ...]) -> bool:
        """Count a file and judge its name: whether to look at it. Raises Rejected."""
        self._file_count += 1
        if self._file_count > self.most_files:
            self.reject_many()
        return self._name_is_good(parts)

    def take(self, parts: tuple[str, ...], size_bytes: int, content: Callable[[int], bytes]) -> None:
        """Read one file by content(most), which gives at most that many bytes. Raises Rejected."""
        path = unicodedata.normalize("NFC", "/".join(parts))
        is_source = path.lower().endswith(SOURCE_ENDS)
        most = min(self._source_bytes, self._room_bytes) if is_source else self._room_bytes
        data = b"" if size_bytes > most else content(most + 1)
        size_bytes = max(size_bytes, len(data))
        if is_source and size_bytes > self._source_bytes:
            limit = f"the limit is {self._source_bytes:,} (limits.source_file_mib in the rubric)"
            self.refuse(parts, f"too large: {size_bytes:,} bytes; {limit}")
        elif size_bytes > self._room_bytes:
            raise Rejected(f"more than {self._total_bytes:,} bytes in all (limits.submission_mib in the rubric)")
        else:
            self._room_bytes -= size_bytes
            self.files[path] = data

    def count_packed(self, size_bytes: int) -> None:
        """Count bytes to be unpacked, which cost time even where nothing comes out of them. Raises Rejected."""
        self._packed_bytes += size_bytes
        if self._packed_bytes > 2 * self._total_bytes + MIB:  # deflate adds under a hundredth to what it cannot pack
            raise Rejected("its members are packed into many times what they hold")

    def reject_many(self) -> None:
        raise Rejected(f"more than {self.most_files} files (limits.files in the rubric)")

    def _count_folder(self) -> None:
        self._folder_count += 1
        if self._folder_count > self.most_files:
            raise Rejected(f"more than {self.most_files} folders (limits.files in the rubric)")

    def _name_is_good(self, parts: tuple[str, ...]) -> bool:
        fault = name_fault(parts[-1])
        if fault is None:
            path = unicodedata.normalize("NFC", "/".join(parts))
            folded = path.casefold()
            size_bytes = len(path.encode())
            if folded in self._folded:
                fault = "its name differs from another only in upper and lower case, or in how it is encoded"
            elif size_bytes > PATH_BYTES:
                fault = f"its path has {size_bytes:,} bytes; the limit is {PATH_BYTES:,}"
            self._folded.add(folded)
        if fault is not None:
            self.refuse(parts, fault)
        return fault is None


def name_fault(name: str) -> str | None:
    """Say what is wrong with one part of a path, or None."""
    try:
        name = unicodedata.normalize("NFC", name)  # as it comes in: some characters get longer
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if size_bytes > NAME_BYTES:
        return f"its name has {size_bytes} bytes; the limit is {NAME_BYTES}"
    if any(is_hidden(char) for char in name):
        return "its name holds control or invisible characters"
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "its path is absolute, leads out of the submission, or holds a backslash"
    if name.startswith("-"):
        return "its name begins with a dash, like an option"
    return None


def read_toml(source: bytes) -> dict[str, Any]:
    """Read what a candidate wrote as TOML, in bounded time. Raises ValueError, whose text is safe to show."""
    if len(source) > TOML_BYTES:
        raise ValueError(f"it has {len(source):,} bytes; the limit is {TOML_BYTES:,}")
    if source.count(b".") > TOML_DOTS:
        raise ValueError(f"it has {source.count(b'.'):,} dots; the limit is {TOML_DOTS:,}")
    try:
        return tomllib.loads(source.decode("utf-8-sig"))
    except Exception as error:  # RecursionError from deep nesting among them
        raise ValueError(str(error)) from None


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name is one that tools leave beside a submission."""
    return name in LEFT_OUT or name.endswith((".pyc", ".pyo"))


def tidy_order(name: str) -> tuple[bool, str]:
    """Sort key: lower-case names first, so that `minigpt.py` comes in rather than a `MiniGPT.py` beside it."""
    return name != name.casefold(), name


def is_hidden(char: str) -> bool:
    """Whether char is a control, format (bidi marks among them), surrogate, unassigned or blank character."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or char in BLANK


def printable(text: str, most: int = 300) -> str:
    """Give text with every hidden character spelled out, cut to about `most` characters."""
    shown = "".join(char.encode("unicode_escape").decode() if is_hidden(char) else char for char in text[:most])
    return shown if len(text) <= most else shown + "..."
