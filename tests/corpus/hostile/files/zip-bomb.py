# /// attack
# tries = "an archive of some kilobytes that holds a gigabyte"
# rejected = true
# ///
import zipfile


def build(home):
    path = home.parent / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in ("minigpt.py", "matmul.py", "scan.py"):
            archive.write(home / name, name)
        with archive.open("weights.bin", "w", force_zip64=True) as member:
            for _ in range(256):
                member.write(b"\0" * (1 << 22))
    return path
