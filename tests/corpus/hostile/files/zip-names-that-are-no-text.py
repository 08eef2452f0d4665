# /// attack
# slow = true
# tries = "calls a name UTF-8 that is none, and gives another in a field for Unicode paths"
# rejected = true
# ///
import struct
import zipfile
import zlib
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "text.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
        info = zipfile.ZipInfo("hilfe.py\u00e9")
        info.extra = struct.pack("<HHBI", 0x7075, 5 + 10, 1, zlib.crc32(b"hilfe.py\xe9")) + b"../evil.py"
        archive.writestr(info, b"x = 1\n")
    made.write_bytes(made.read_bytes().replace("hilfe.py\u00e9".encode(), b"hilfe.py\xc3("))
    return made
