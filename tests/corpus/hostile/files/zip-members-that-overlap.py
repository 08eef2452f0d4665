# /// attack
# slow = true
# tries = "names one stored mebibyte four hundred times in the list of members, each at the same place of the file"
# rejected = true
# ///
import copy
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "overlap.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
        archive.writestr("d/000.bin", bytes(1 << 20))
        first = archive.filelist[-1]
        for i in range(1, 400):
            again = copy.copy(first)
            again.filename = again.orig_filename = f"d/{i:03}.bin"
            archive.filelist.append(again)
    return made
