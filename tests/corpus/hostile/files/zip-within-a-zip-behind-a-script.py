# /// attack
# slow = true
# tries = "puts a program and another archive before the archive, a third into its comment, and its own copy inside"
# rejected = true
# ///
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made, inner = home.parent / "within.zip", home.parent / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("matmul.py", "print('WORKED: the inner archive was read')\n")
    with zipfile.ZipFile(made, "w") as archive:
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
        archive.write(inner, "inner.zip")
        archive.comment = inner.read_bytes()[:-22] + b"PK\5\6" + b"\xff" * 60000
    made.write_bytes(b"#!/bin/sh\ntouch @canary@\n" + inner.read_bytes() + made.read_bytes())
    return made
