# /// attack
# slow = true
# tries = "says other sizes and sums before a member, behind it and in the list, so that two readers see two solutions"
# rejected = true
# ///
# Local name, list name and data descriptor disagree: no archive that one could trust.
import struct
import zlib
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "lies.zip"
    good = (home / "matmul.py").read_bytes()
    packed = zlib.compress(good, 9)[2:-4]
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 8, 8, 0, 0, 0, 0, 0, 9, 0) + b"evil_.py!"
    body = local + packed + struct.pack("<4s3I", b"PK\7\x08", 1, len(packed), 1)
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 8, 8, 0, 0, zlib.crc32(good) ^ 1, len(packed), len(good), 9, 0, 0, 0, 0, 0, 0) + b"matmul.py"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(body), 0)
    made.write_bytes(body + entry + end)
    return made
