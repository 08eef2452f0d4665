# /// attack
# tries = "an archive whose directory is whole and whose members are cut and garbled"
# rejected = true
# ///
import zipfile


def build(home):
    path = home.parent / "garbled.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("minigpt.py", "matmul.py", "scan.py"):
            archive.write(home / name, name)
    data = bytearray(path.read_bytes())
    for at in range(100, 3000, 7):
        data[at] ^= 0x5A
    path.write_bytes(data)
    return path
