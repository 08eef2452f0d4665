"""The door in: what comes in is exactly the submission's regular files, whatever a candidate hands over."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import submission
from grader.errors import Rejected, UsageError
from grader.models import Limits

LIMITS = Limits()
SMALL = Limits(files=10, levels=3, source_file_mib=0.001, submission_mib=0.002)  # 1,048 and 2,097 bytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission with one good file; whatever else it holds, that file must come in."""
    root = tmp_path / "alice"
    root.mkdir()
    (root / "minigpt.py").write_bytes(b"x = 1\n")
    return root


def archive(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


# --- what comes in ----------------------------------------------------------------------------------------------------


def test_folder_and_archives_of_it_give_the_same_snapshot(tmp_path: Path, folder: Path) -> None:
    """The same files have the same digest as a folder, a .zip of files and a .zip of one folder."""
    (folder / "tests").mkdir()
    (folder / "tests/test_a.py").write_bytes(b"def test_a(): pass\n")
    (folder / "submission.toml").write_bytes(b'kit = "k-2f7c91"\n')
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    flat = archive(tmp_path / "flat.zip", files)
    nested = archive(tmp_path / "nested.zip", {"alice/": b""} | {f"alice/{name}": data for name, data in files.items()})
    snapshots = [submission.read(path, LIMITS) for path in (folder, flat, nested)]
    assert [s.files for s in snapshots] == [files] * 3
    assert len({s.digest for s in snapshots}) == 1
    assert {s.kit for s in snapshots} == {"k-2f7c91"}
    assert all(s.refused == {} for s in snapshots)


def test_digest_depends_on_every_name_and_byte(folder: Path) -> None:
    """Two different submissions never share a digest."""
    digests = {submission.read(folder, LIMITS).digest}
    (folder / "minigpt.py").write_bytes(b"x = 2\n")
    digests.add(submission.read(folder, LIMITS).digest)
    (folder / "minigpt.py").rename(folder / "other.py")
    digests.add(submission.read(folder, LIMITS).digest)
    assert len(digests) == 3


def test_empty_folder_and_empty_archive_come_in(tmp_path: Path) -> None:
    """Nothing handed in is a submission too: it is graded, and earns 0."""
    (tmp_path / "empty").mkdir()
    assert submission.read(tmp_path / "empty", LIMITS).files == {}
    assert submission.read(archive(tmp_path / "empty.zip", {}), LIMITS).files == {}


@pytest.mark.parametrize("junk", [".git/config", "__pycache__/a.pyc", "a.pyc", ".venv/lib/x.py", "mine/pyvenv.cfg"])
def test_what_tools_leave_behind_is_left_out_and_named(tmp_path: Path, folder: Path, junk: str) -> None:
    """A repository, caches or an environment beside the work cost nothing, even far over the caps."""
    place = folder / junk
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"")
    if len(Path(junk).parts) > 1:
        for i in range(700):
            (place.parent / f"object{i}.py").write_bytes(b"")
    names = {path.relative_to(folder).as_posix(): b"" for path in folder.rglob("*") if path.is_file()}
    for path in (folder, archive(tmp_path / "a.zip", {f"top/{name}": data for name, data in names.items()})):
        snapshot = submission.read(path, LIMITS)
        assert list(snapshot.files) == ["minigpt.py"]
        assert snapshot.refused[Path(junk).parts[0]].startswith("left out")


def test_windows_archives_with_backslashes_are_understood(tmp_path: Path) -> None:
    """Some archivers on Windows write backslashes; their users' files are found all the same."""
    member = zipfile.ZipInfo("alice\\tests\\test_a.py")
    member.create_system = 0
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(member, b"x")
        other = zipfile.ZipInfo("alice\\minigpt.py")
        other.create_system = 0
        file.writestr(other, b"y")
    assert submission.read(tmp_path / "a.zip", LIMITS).files == {"tests/test_a.py": b"x", "minigpt.py": b"y"}


# --- usage ------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_a_submission_is_a_usage_error(tmp_path: Path, folder: Path) -> None:
    """No such path, another kind of file, a link: the person at the keyboard is told, no candidate pays."""
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "link").symlink_to(folder)
    os.mkfifo(tmp_path / "pipe.zip")
    for name, why in {
        "nobody": "no such file",
        "notes.txt": "neither a folder nor a .zip",
        "link": "symbolic link",
        "pipe.zip": "neither a folder nor a .zip",
        "a\0b": "cannot be read",
    }.items():
        for look in (submission.check, lambda path: submission.read(path, LIMITS)):
            with pytest.raises(UsageError, match=why):
                look(tmp_path / name)


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in tmp_path as somebody whom permissions bind, which root is not."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # relative paths, since the folders above are closed to others
    if os.getuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_trees(tmp_path: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    """A folder that we may not read is a usage error; a file or folder inside one is refused and named."""
    (tmp_path / "closed").mkdir(mode=0)
    (folder / "scan.py").touch(mode=0)
    (folder / "inner").mkdir(mode=0)
    request.getfixturevalue("nobody")
    with pytest.raises(UsageError, match="closed cannot be read: Permission denied"):
        submission.check(Path("closed"))
    assert submission.read(Path("alice"), LIMITS).refused == {
        "inner": "cannot be read: Permission denied",
        "scan.py": "cannot be read: Permission denied",
    }


# --- files that may not come in ---------------------------------------------------------------------------------------


def test_links_and_special_files_are_refused_and_named(tmp_path: Path, folder: Path) -> None:
    """Only regular files with one name come in: nothing is followed, opened for its effect, or waited for."""
    secret = tmp_path / "secret.py"
    secret.write_bytes(b"secret")
    (folder / "matmul.py").symlink_to(secret)
    (folder / "outside").symlink_to(tmp_path, target_is_directory=True)
    os.link(secret, folder / "scan.py")
    os.mkfifo(folder / "NOTES.md")
    with socket.socket(socket.AF_UNIX) as end:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path must be short
        try:
            end.bind("sock")
        finally:
            os.chdir(here)
        snapshot = submission.read(folder, LIMITS)
    assert list(snapshot.files) == ["minigpt.py"]
    assert {path: reason.split(";")[0].split(":")[0] for path, reason in snapshot.refused.items()} == {
        "matmul.py": "a symbolic link",
        "outside": "a symbolic link",
        "scan.py": "a hard link",
        "NOTES.md": "a named pipe",
        "sock": "a socket",
    }


def test_links_in_archives_are_refused_and_named(tmp_path: Path) -> None:
    """A symbolic link or device in an archive is not read as a file."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, mode in {"matmul.py": 0o120777, "scan.py": 0o020666}.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            file.writestr(member, "/etc/passwd")
        file.writestr("minigpt.py", "x")
    snapshot = submission.read(tmp_path / "a.zip", LIMITS)
    assert list(snapshot.files) == ["minigpt.py"]
    assert set(snapshot.refused) == {"matmul.py", "scan.py"}


BAD_NAMES = {
    "new\nline.py": "control",
    "bidi\u202etxt.py": "control",
    "zero\u200bwidth.py": "control",
    "esc\x1b[31m.py": "control",
    "-rf": "dash",
    "back\\slash.py": "backslash",
}


def test_bad_names_are_refused_and_named_printably(tmp_path: Path, folder: Path) -> None:
    """A name that could act on a terminal, a command line or another system does not come in."""
    for name in BAD_NAMES:
        (folder / name).write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.py")).write_bytes(b"x")
    in_archive = archive(tmp_path / "a.zip", {"minigpt.py": b"x = 1\n"} | dict.fromkeys(BAD_NAMES, b"x"))
    for path, extra in ((folder, 1), (in_archive, 0)):
        snapshot = submission.read(path, LIMITS)
        assert list(snapshot.files) == ["minigpt.py"]
        assert len(snapshot.refused) == len(BAD_NAMES) + extra
        assert all(name.isprintable() for name in snapshot.refused)
        for name, why in BAD_NAMES.items():
            assert why in snapshot.refused[name.encode("unicode_escape").decode() if "\\" not in name else name]


def test_names_that_no_disk_could_hold_are_refused(tmp_path: Path) -> None:
    """What comes in can be written in the sandbox: some characters get longer in NFC, and long paths add up."""
    long = ["\U0001d160" * 60 + ".py", "/".join(["d" * 250] * 4) + "/f" * 11, "n" * 256]
    snapshot = submission.read(archive(tmp_path / "a.zip", {"minigpt.py": b"x", **dict.fromkeys(long, b"")}), LIMITS)
    assert list(snapshot.files) == ["minigpt.py"]
    assert len(snapshot.refused) == 3 and all("the limit is" in why for why in snapshot.refused.values())


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "..", "a//evil.py", "//x/evil.py"])
def test_names_that_lead_out_of_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    """Traversal gets nowhere, and costs the rest of the archive nothing."""
    snapshot = submission.read(archive(tmp_path / "a.zip", {name: b"x", "top/minigpt.py": b"y"}), LIMITS)
    assert snapshot.files == {"minigpt.py": b"y"}
    assert list(snapshot.refused) == [name]


def test_names_equal_but_for_case_or_encoding_come_in_once(tmp_path: Path, folder: Path) -> None:
    """What would be one file on another system is one file here; the plain lower-case name wins, always."""
    decomposed = unicodedata.normalize("NFD", "é.py")
    names = ["MiniGPT.py", "é.py", decomposed]
    for name in names:
        (folder / name).write_bytes(b"other")
    in_archive = archive(tmp_path / "a.zip", {**dict.fromkeys(names, b"other"), "minigpt.py": b"x = 1\n"})
    for path in (folder, in_archive):
        snapshot = submission.read(path, LIMITS)
        assert snapshot.files == {"minigpt.py": b"x = 1\n", "é.py": b"other"}
        assert len(snapshot.refused) == 2


def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Archivers disagree on which of two members counts, so neither does."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("minigpt.py", "good")
        file.writestr("minigpt.py", "bad")
    snapshot = submission.read(tmp_path / "a.zip", LIMITS)
    assert snapshot.files == {} and "twice" in snapshot.refused["minigpt.py"]


def test_a_source_file_over_its_cap_is_refused_unread(tmp_path: Path, folder: Path) -> None:
    """A huge (here: sparse, 1 TiB) source file counts as missing; the rest is graded."""
    with (folder / "matmul.py").open("wb") as file:
        file.truncate(2**40)
    snapshot = submission.read(folder, LIMITS)
    assert list(snapshot.files) == ["minigpt.py"]
    assert "1,048,576 (limits.source_file_mib" in snapshot.refused["matmul.py"]
    bomb = archive(tmp_path / "a.zip", {"matmul.py": b"0" * 2**24, "m.py": b""}, compression=zipfile.ZIP_DEFLATED)
    assert list(submission.read(bomb, LIMITS).files) == ["m.py"]


def test_a_file_exactly_at_the_caps_comes_in(folder: Path) -> None:
    """The caps are what candidates were told, not one byte less."""
    (folder / "minigpt.py").write_bytes(b"#" * 1048)
    (folder / "data.bin").write_bytes(b"#" * 1049)
    assert len(submission.read(folder, SMALL).files) == 2
    (folder / "minigpt.py").write_bytes(b"#" * 1049)
    assert "minigpt.py" in submission.read(folder, SMALL).refused


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is graded existed as a whole at one moment."""
    real = os.read

    def read_and_swap(fd: int, most: int) -> bytes:
        data = real(fd, most)
        (folder / "minigpt.py").write_bytes(b"something else")
        return data

    monkeypatch.setattr(os, "read", read_and_swap)
    assert submission.read(folder, LIMITS).refused == {"minigpt.py": "changed while it was read"}


def test_a_file_swapped_for_a_link_before_it_is_opened_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and opening nothing can be slipped in."""
    (tmp_path / "secret").write_bytes(b"secret")
    real = os.open

    def swap_and_open(path: str, flags: int, *args: int, dir_fd: int | None = None) -> int:
        if path == "minigpt.py":
            (folder / "minigpt.py").unlink()
            (folder / "minigpt.py").symlink_to(tmp_path / "secret")
        return real(path, flags, *args, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap_and_open)
    snapshot = submission.read(folder, LIMITS)
    assert snapshot.files == {} and "minigpt.py" in snapshot.refused


# --- submissions that may not come in ---------------------------------------------------------------------------------


def test_too_many_files_reject_the_whole(tmp_path: Path, folder: Path) -> None:
    """Over the caps nothing is graded, and the reason names the cap."""
    for i in range(10):
        (folder / f"{i}.txt").write_bytes(b"")
    flat = archive(tmp_path / "a.zip", {f"{i}.txt": b"" for i in range(100)})
    for path in (folder, flat):
        with pytest.raises(Rejected, match=r"more than 10 files \(limits.files"):
            submission.read(path, SMALL)


def test_a_hundred_thousand_files_are_rejected_quickly(tmp_path: Path) -> None:
    """An archive with 100,000 members ends at the cap."""
    path = archive(tmp_path / "many.zip", {f"{i}.py": b"" for i in range(100_000)})
    with pytest.raises(Rejected):
        submission.read(path, LIMITS)


def test_links_count_too(folder: Path) -> None:
    """What is refused one by one cannot make the list of refusals endless."""
    for i in range(11):
        (folder / f"link{i}").symlink_to("minigpt.py")
    with pytest.raises(Rejected):
        submission.read(folder, SMALL)


def test_too_many_folders_reject_the_whole(folder: Path) -> None:
    """Empty folders cost time as well."""
    for i in range(11):
        (folder / f"d{i}").mkdir()
    with pytest.raises(Rejected, match="folders"):
        submission.read(folder, SMALL)


def test_a_deep_tree_rejects_the_whole(tmp_path: Path, folder: Path) -> None:
    """A thousand levels are given up at the cap, without a thousand open folders."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    deep = archive(tmp_path / "a.zip", {"d/" * 1000 + "x.py": b"", "x.py": b""})
    for path in (folder, deep):
        with pytest.raises(Rejected, match="16 levels"):
            submission.read(path, LIMITS)
    subprocess.run(["rm", "-rf", str(folder)], check=True)  # too deep for shutil


def test_the_deepest_level_allowed_comes_in(tmp_path: Path) -> None:
    """Sixteen folders deep is within the caps, also below a top folder."""
    path = archive(tmp_path / "a.zip", {"top/" + "d/" * 16 + "x.py": b"", "top/y.py": b""})
    assert len(submission.read(path, LIMITS).files) == 2


def test_too_many_bytes_reject_the_whole(tmp_path: Path, folder: Path) -> None:
    """The sum is capped, whatever the files are."""
    (folder / "weights.bin").write_bytes(b"0" * 2098)
    flat = archive(tmp_path / "a.zip", {"weights.bin": b"0" * 2098}, compression=zipfile.ZIP_DEFLATED)
    for path in (folder, flat):
        with pytest.raises(Rejected, match=r"2,097 bytes in all \(limits.submission_mib"):
            submission.read(path, SMALL)


def lying_bomb(path: Path) -> Path:
    """16 MiB of zeros whose headers say 10 bytes."""
    archive(path, {"weights.bin": b"0" * 2**24}, compression=zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 2**24), struct.pack("<L", 10)))
    return path


def packed_for_nothing(path: Path) -> Path:
    """A deflated member of 40 MB, out of which nothing comes."""
    archive(path, {"weights.bin": b"0123456789" * 30}, compression=zipfile.ZIP_DEFLATED)
    data, nothing = path.read_bytes(), b"\0\0\0\xff\xff" * 8_000_000
    with zipfile.ZipFile(path) as file:
        size = file.infolist()[0].compress_size
    start = 30 + len("weights.bin")
    data = data[:start] + nothing + data[start + size :]
    data = data.replace(struct.pack("<LL", size, 300), struct.pack("<LL", len(nothing), 300))
    place = struct.unpack("<L", data[-6:-2])[0] + len(nothing) - size
    path.write_bytes(data[:-6] + struct.pack("<L", place) + data[-2:])
    return path


def far_away(path: Path, offset: int) -> Path:
    """A member that begins at a place no file has, by a 64-bit extra field."""
    data = archive(path, {"m.py": b"x"}).read_bytes()
    at = data.index(b"PK\1\2")
    entry, extra = bytearray(data[at : data.index(b"PK\5\6")]), struct.pack("<HHQ", 1, 8, offset)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry) + len(extra), at, 0)
    path.write_bytes(data[:at] + entry + extra + end)
    return path


def test_broken_and_hostile_archives_are_rejected(tmp_path: Path) -> None:
    """Whatever zipfile cannot or must not read is a rejected submission with a reason, never a crash."""
    good = archive(tmp_path / "good.zip", {"minigpt.py": b"x" * 100}).read_bytes()
    archives = {
        "text": b"this is no archive",
        "empty": b"",
        "cut": good[:-30],
        "body": good.replace(b"x" * 100, b"y" * 100),
        "name": good.replace(b"minigpt.py", b"mini\xff\xfe.py"[:8] + b"py").replace(b"\x14\0\0\0", b"\x14\0\0\x08"),
        "encrypted": good.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"),
        "offset": good[:-6] + struct.pack("<L", 2**32 - 2) + b"\0\0",
        "bomb": lying_bomb(tmp_path / "bomb.zip").read_bytes(),
        "bzip2": archive(tmp_path / "b.zip", {"a.py": b"0" * 999}, compression=zipfile.ZIP_BZIP2).read_bytes(),
        "lzma": archive(tmp_path / "l.zip", {"a.py": b"0" * 999}, compression=zipfile.ZIP_LZMA).read_bytes(),
        "nothing": packed_for_nothing(tmp_path / "nothing.zip").read_bytes(),
        "far": far_away(tmp_path / "far.zip", 2**63 - 2).read_bytes(),
        "clash": archive(tmp_path / "c.zip", {"a": b"", "a/b.py": b""}).read_bytes(),
    }
    assert submission.read(tmp_path / "good.zip", LIMITS).files
    for name, data in archives.items():
        path = tmp_path / f"{name}-hostile.zip"
        path.write_bytes(data)
        with pytest.raises(Rejected) as caught:
            submission.read(path, LIMITS)
        assert str(caught.value).isprintable(), name


# --- submission.toml --------------------------------------------------------------------------------------------------


def test_a_member_that_begins_past_the_end_of_every_file_is_rejected(tmp_path: Path) -> None:
    """A place that seek takes and read does not, as on a tmpfs, is the archive's fault and not the disk's."""
    shm = Path("/dev/shm")
    for where in (tmp_path, shm) if shm.is_dir() else (tmp_path,):
        with tempfile.TemporaryDirectory(dir=where) as folder:
            for offset in (2**63 - 1, 2**63 - 31, 2**62, 2**44):
                with pytest.raises(Rejected):
                    submission.read(far_away(Path(folder) / "a.zip", offset), LIMITS)


@pytest.mark.parametrize(
    ("source", "kit"),
    [
        (b'kit = "k-2f7c91"', "k-2f7c91"),
        (b"", None),
        (b"kit = 5", None),
        (b'kit = "', None),
        (b'kit = "../../etc"', None),
        (b'kit = "\xff"', None),
        (b"kit = " + b"[" * 10_000, None),
        (b'kit = "k-1"\n#' + b"x" * 20_000, None),
        (b'\xef\xbb\xbfkit = "k-1"', "k-1"),
        (b'kit = "k-1"\n' + b"a." * 1001 + b"a = 1", None),
        (b"kit = 0x" + b"f" * 16_000, None),
    ],
)
def test_a_broken_submission_toml_names_no_kit(folder: Path, source: bytes, kit: str | None) -> None:
    """submission.toml costs at most the diagnosis, whatever stands in it."""
    (folder / "submission.toml").write_bytes(source)
    snapshot = submission.read(folder, LIMITS)
    assert snapshot.kit == kit
    assert "minigpt.py" in snapshot.files
