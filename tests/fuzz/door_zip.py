"""The door, from bytes: any file that is called .zip is a snapshot or is rejected."""

from __future__ import annotations

import tempfile
from pathlib import Path

from door import IN_MEMORY, look


def run(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(data)
        look(path)
