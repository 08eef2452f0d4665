# /// attack
# slow = true
# tries = "marks one member, which nothing needs, as encrypted, in the list of members only"
# rejected = true
# ///
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "encrypted.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
        archive.writestr("data.bin", b"x" * 100)
    data = bytearray(made.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    made.write_bytes(data)
    return made
