# /// attack
# slow = true
# tries = "packs parts whose names look like the agreed ones: capitals, full-width letters, a dot above, a space behind, another alphabet"
# fails = []
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# ///
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "letters.zip"
    evil = "import os\nprint('WORKED: another file was imported')\nos._exit(0)\n"
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("MATMUL.PY", "matmul.py ", "ｍatmul.py", "mаtmul.py", "matmul.pY", "Matmul.py/matmul.py", "scan.py.", "minigpt.py\u0307"):
            archive.writestr(name, evil)
        for part in sorted(home.iterdir()):
            archive.write(part, part.name)
    return made
