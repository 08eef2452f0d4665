"""What must hold of every snapshot, however the submission looked."""

from __future__ import annotations

import re
import unicodedata
import warnings
from pathlib import Path

from grader import submission
from grader.errors import Rejected
from grader.intake import NAME_BYTES, PATH_BYTES, is_hidden
from grader.models import KIT_ID, Limits

SHM = Path("/dev/shm")
IN_MEMORY = SHM if SHM.is_dir() else None  # where thousands of trees a second cost the disk nothing
LIMITS = Limits(files=12, levels=3, source_file_mib=0.001, submission_mib=0.01)  # 1,048 and 10,485 bytes


def look(path: Path) -> submission.Snapshot | None:
    """Read a submission, twice: a snapshot that holds what is promised, the same each time, or Rejected."""
    snapshots = [read(path), read(path)]
    assert snapshots[0] == snapshots[1]
    return snapshots[0]


def read(path: Path) -> submission.Snapshot | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            snapshot = submission.read(path, LIMITS)
    except Rejected as reason:
        assert len(str(reason)) < 1000 and not any(map(is_hidden, str(reason)))
        return None
    files = snapshot.files
    assert len(files) <= LIMITS.files and len(snapshot.refused) <= 3 * LIMITS.files
    assert sum(map(len, files.values())) <= LIMITS.submission_mib * 2**20
    assert len({name.casefold() for name in files}) == len(files)
    for name, data in files.items():
        assert unicodedata.is_normalized("NFC", name) and not any(map(is_hidden, name)) and "\\" not in name
        assert len(name.encode()) <= PATH_BYTES
        parts = name.split("/")
        assert len(parts) <= LIMITS.levels + 1
        for part in parts:
            assert part not in ("", ".", "..") and not part.startswith("-") and len(part.encode()) <= NAME_BYTES
        if name.endswith((".py", ".toml", ".md")):
            assert len(data) <= LIMITS.source_file_mib * 2**20
        # A file is no other's folder.
        assert not any(other.startswith(name + "/") for other in files)
    assert all(reason and not any(map(is_hidden, name)) for name, reason in snapshot.refused.items())
    assert snapshot.kit is None or re.fullmatch(KIT_ID, snapshot.kit)
    return snapshot
