"""A .zip as a submission: read member by member, stored and deflated only, never extracted to disk."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import BinaryIO

from grader.errors import GraderError, HarnessError, Rejected
from grader.intake import (
    DISK_FAULTS,
    LEFT_OUT_REASON,
    MIB,
    VENV_MARK,
    VENV_REASON,
    Intake,
    is_left_out,
    name_fault,
    printable,
    tidy_order,
)

DIRECTORY_BYTES = 8 * MIB  # an archive's own list of its members: some 100,000 names

# A folder is a dict, a file its members of that name (more than one is a fault), a reason what is left out.
Node = dict[str, "Node"] | list[zipfile.ZipInfo] | str


def unpack(file: BinaryIO, intake: Intake) -> None:
    """Take in an open archive. Whatever zipfile raises is Rejected; the disk's own faults are not."""
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            _walk(archive, _root(_tree(archive, intake)), (), intake)
    except GraderError:
        raise
    except Exception as error:
        raise Rejected(f"the archive cannot be read: {printable(str(error)) or type(error).__name__}") from None


class _Bounded(io.RawIOBase):
    """A file that refuses the one large read zipfile makes of its own accord: the list of members."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        most = DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        try:
            data = self._file.read(min(most, DIRECTORY_BYTES + 1))
        except OSError as error:
            if error.errno not in DISK_FAULTS:
                raise  # a place that no file has, which the archive's own list named
            raise HarnessError(
                f"reading the archive failed: {error.strerror}; check the disk, then grade again"
            ) from error
        if len(data) > DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members is larger than {DIRECTORY_BYTES:,} bytes")
        return data


def _tree(archive: zipfile.ZipFile, intake: Intake) -> dict[str, Node]:
    """Sort the members into folders. What is left out leaves one entry, however much it holds."""
    root: dict[str, Node] = {}
    paths = [(_parts(member), member) for member in archive.infolist()]
    venvs = {parts[:-1] for parts, _ in paths if parts[-1] == VENV_MARK and len(parts) > 1}
    count = 0
    for parts, member in paths:
        folder = root
        # Deeper than this is over the cap, under a top folder or not, and need not be built.
        for depth, part in enumerate(parts[: intake.levels + 2]):
            last = depth == len(parts) - 1
            reason = LEFT_OUT_REASON if is_left_out(part) else VENV_REASON if parts[: depth + 1] in venvs else None
            if reason is not None:
                folder[part] = reason
                break
            fresh = part not in folder
            node = folder.setdefault(part, [] if last and not member.is_dir() else {})
            count += fresh
            if count > 2 * intake.most_files + 2:
                intake.reject_many()
            if isinstance(node, list) and last and not member.is_dir():
                node.append(member)
            elif isinstance(node, dict) and (not last or member.is_dir()):
                folder = node
            else:
                raise Rejected(f"{printable('/'.join(parts))} is both a file and a folder in the archive")
    return root


def _parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    """Split a member's name; a name that is absolute or leads out stays in one piece, which no name check lets in."""
    name = member.orig_filename if "\0" in member.orig_filename else member.filename
    if member.create_system == 0 and "/" not in name:
        name = name.replace("\\", "/")  # some archivers on Windows
    parts = tuple(part for part in name.removesuffix("/").split("/") if part != ".")
    return parts if parts and "" not in parts and ".." not in parts else (name or "/",)


def _root(tree: dict[str, Node]) -> dict[str, Node]:
    """Give the folder that is the submission: the archive's root, or the single folder that everything lies under."""
    beside = {name: node for name, node in tree.items() if isinstance(node, str) or name_fault(name) is not None}
    tops = [node for name, node in tree.items() if name not in beside]
    return beside | tops[0] if len(tops) == 1 and isinstance(tops[0], dict) else tree


def _walk(archive: zipfile.ZipFile, folder: dict[str, Node], parts: tuple[str, ...], intake: Intake) -> None:
    for name in sorted(folder, key=tidy_order):
        here, node = (*parts, name), folder[name]
        if isinstance(node, str):
            intake.leave_out(here, node)
        elif isinstance(node, dict):
            if intake.admit_folder(here):
                _walk(archive, node, here, intake)
        elif intake.admit_file(here):
            _take(archive, here, node, intake)


def _take(archive: zipfile.ZipFile, here: tuple[str, ...], members: list[zipfile.ZipInfo], intake: Intake) -> None:
    member = members[0]
    kind = stat.S_IFMT(member.external_attr >> 16)
    if len(members) > 1:
        intake.refuse(here, "stands twice in the archive")
    elif kind not in (0, stat.S_IFREG):
        what = "a symbolic link" if kind == stat.S_IFLNK else "no regular file"
        intake.refuse(here, f"{what}; only regular files come in")
    elif member.flag_bits & 1:
        raise Rejected("the archive is encrypted; it must come without a password")
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = f"method {member.compress_type}"
        raise Rejected(f"a member of the archive is compressed by {method}; only stored (0) and deflated (8) are read")
    else:

        def content(most: int) -> bytes:
            intake.count_packed(member.compress_size)
            chunks = []
            with archive.open(member) as file:
                while most > 0 and (chunk := file.read(min(most, MIB))):
                    chunks.append(chunk)
                    most -= len(chunk)
            return b"".join(chunks)

        intake.take(here, member.file_size, content)
