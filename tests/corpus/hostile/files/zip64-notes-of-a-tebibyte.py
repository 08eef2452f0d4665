# /// attack
# slow = true
# tries = "says in a zip64 field that NOTES.md holds a tebibyte, where it holds six bytes"
# fails = []
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# ///
# A file that is too large counts as missing and is named; the rest is graded.
import struct
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "tebibyte.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
        archive.writestr("NOTES.md", b"six!!!")
        archive.filelist[-1].file_size = 2**40
    return made
