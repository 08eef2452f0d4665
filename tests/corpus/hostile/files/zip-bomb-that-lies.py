# /// attack
# tries = "an archive whose member says that it has ten bytes, and has a gigabyte"
# rejected = true
# ///
import struct
import zipfile


def build(home):
    path = home.parent / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("minigpt.py", "matmul.py", "scan.py"):
            archive.write(home / name, name)
        with archive.open("weights.bin", "w") as member:
            for _ in range(64):
                member.write(b"\0" * (1 << 22))
        size = archive.getinfo("weights.bin").file_size
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", 10)))
    return path
