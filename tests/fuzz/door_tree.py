"""The door, from structure: folders and archives of odd names, kinds and attributes are a snapshot or are rejected."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path

from door import IN_MEMORY, LIMITS, look
from scripted import Script

NAMES = (
    b"minigpt.py", b"MiniGPT.py", b"matmul.py", b"submission.toml", b"tests", b"test_a.py", b"NOTES.md", b"x.pyc",
    b".git", b"__pycache__", b"pyvenv.cfg", b"..", b".", b"-rf", b"a\\b", b"\xc3\xa9", b"e\xcc\x81", b"\xe2\x80\xae",
    b"\xff", b"n" * 255, b"\xf0\x9d\x85\xa0" * 63, b"\xc5\xbf.py", b"\xe1\xba\x9e", b"SS", b"\xc4\xb0", b"i\xcc\x87",
    b"\n", b"\x1b[31m",
)  # fmt: skip
SIZES = (0, 1, 100, 1048, 1049, 5000, 10485, 10486)


def run(data: bytes) -> None:
    script = Script(data)
    as_archive = script.byte() & 1
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as top:
        path = Path(top) / ("a.zip" if as_archive else "a")
        if as_archive:
            archive(path, script)
            look(path)
        else:
            path.mkdir()
            goods = tree(path, script)
            snapshot = look(path)
            if snapshot is not None:
                assert goods.items() <= snapshot.files.items(), "an ordinary file came in changed, or not at all"
            shutil.rmtree(path)


def name_of(script: Script) -> bytes:
    pick = script.byte()
    return NAMES[pick % len(NAMES)] if pick < 200 else script.take(pick - 199)


def content_of(script: Script) -> bytes:
    pick = script.byte()
    return b"x" * SIZES[pick % len(SIZES)] if pick < 128 else script.take(pick - 127)


def tree(root: Path, script: Script) -> dict[str, bytes]:
    """Lay what the script says under root; give ordinary files with ordinary names that must come in."""
    goods: dict[str, bytes] = {}
    here, depth = os.fsencode(root), 0
    for number in range(40):
        if script.ended:
            break
        act, name = script.byte() % 9, name_of(script)
        target = here + b"/" + name
        with contextlib.suppress(OSError, ValueError):
            if act <= 2:
                data = content_of(script)
                fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
                with os.fdopen(fd, "wb") as file:
                    file.write(data)
            elif act == 3 and depth < 6 and name not in (b".", b".."):
                os.mkdir(target)  # noqa: PTH102  # bytes that are no text
                here, depth = target, depth + 1
            elif act == 4 and depth:
                here, depth = here.rpartition(b"/")[0], depth - 1
            elif act == 5:
                os.symlink(content_of(script)[:100] or b"/etc/passwd", target)  # noqa: PTH211
            elif act == 6:
                os.link(here + b"/" + name_of(script), target)
            elif act == 7:
                os.mkfifo(target)
            elif act == 8:
                fresh = f"good{number}.txt"
                (root / fresh).write_bytes(fresh.encode())
                goods[fresh] = fresh.encode()
    return goods


def archive(path: Path, script: Script) -> None:
    """Write what the script says with zipfile, then change some bytes of the archive's own lists."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
        warnings.simplefilter("ignore")
        for _ in range(40):
            if script.ended:
                break
            parts = [name_of(script).decode("utf-8", "surrogateescape") for _ in range(1 + script.byte() % 5)]
            member = zipfile.ZipInfo()
            member.filename = member.orig_filename = ("/" if script.byte() > 250 else "") + "/".join(parts)
            member.create_system = script.byte() % 4
            member.external_attr = (script.byte() << 24 | script.byte() << 16) | script.byte()
            member.compress_type = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[script.byte() & 1]
            member.extra = script.take(script.byte() % 16)
            member.comment = script.take(script.byte() % 4)
            with contextlib.suppress(UnicodeEncodeError, ValueError, struct.error):
                file.writestr(member, content_of(script))
    data = bytearray(path.read_bytes())
    for _ in range(script.byte() % 8):
        place = script.byte() << 8 | script.byte()
        data[place % len(data)] = script.byte()
    path.write_bytes(data)


assert LIMITS.levels < 6  # trees go deeper than the cap
