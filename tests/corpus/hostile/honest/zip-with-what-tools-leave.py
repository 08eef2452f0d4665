# /// attack
# slow = true
# tries = "nothing: an archive with one folder on top, resource forks, folder entries, a comment, deflated and stored members, odd times and odd rights"
# fails = []
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# ///
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "tools.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.comment = b"made by hand\n" * 20
        archive.writestr(zipfile.ZipInfo("my work/", (1980, 1, 1, 0, 0, 0)), b"")
        for i, part in enumerate(sorted(home.iterdir())):
            info = zipfile.ZipInfo(f"my work/{part.name}", (2107, 12, 31, 23, 59, 58))
            info.external_attr = (0o100000 | (0, 0o200, 0o7777)[i % 3]) << 16
            info.extra = b"UT\x05\x00\x01\0\0\0\0"
            archive.writestr(info, part.read_bytes(), zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED)
            archive.writestr(f"__MACOSX/my work/._{part.name}", b"\0\5\x16\7")
        for name in (".DS_Store", "__pycache__/minigpt.cpython-311.pyc", ".git/HEAD", "tests/", "empty/"):
            archive.writestr(f"my work/{name}", b"")
    return made
