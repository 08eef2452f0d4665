# /// attack
# tries = "plants, from minigpt.py, a package that is imported in place of the matmul.py that was handed in, in folders that nobody may list"
# fails = ["matmul.*"]
# keeps = ["gpt.load", "scan.tiled"]
# ///
# What is graded as matmul.py must be matmul.py, which here does nothing.
from pathlib import Path


def build(home: Path) -> Path:
    right = (home / "matmul.py").read_text()
    (home / "matmul.py").write_text("import torch\n\n\nclass MatMul(torch.autograd.Function):\n    pass\n")
    (home / "minigpt.py").write_text((home / "minigpt.py").read_text() + f"""
import os as _os

_os.chmod("/submission", 0o755)
_os.makedirs("/submission/matmul", exist_ok=True)
with open("/submission/matmul/__init__.py", "w") as _file:
    _file.write({right!r})
_os.chmod("/submission/matmul", 0o111)
""")
    return home
