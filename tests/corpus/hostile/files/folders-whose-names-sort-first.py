# /// attack
# slow = true
# tries = "hands in folders called pyvenv.cfg, __pycache__ and .git with the real parts in them, and files that a tool of the host would obey"
# fails = ["*"]
# base = "blank"
# ///
import shutil
from pathlib import Path


def build(home: Path) -> Path:
    for name in ("__pycache__", ".git/hooks", "pyvenv.cfg", "env"):
        (home / name).mkdir(parents=True)
        for part in ("minigpt.py", "matmul.py", "scan.py"):
            shutil.copy(home / part, home / name / part)
    (home / "env" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in ("pytest.ini", "tox.ini", "setup.cfg"):
        (home / name).write_text("[pytest]\naddopts = --collect-only -p evil\n[tool:pytest]\naddopts = -p evil\n")
    (home / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--co"\n')
    (home / ".env").write_text("PYTHONSTARTUP=/submission/evil.py\n")
    (home / "sitecustomize.py").write_text("print('WORKED: sitecustomize')\n")
    (home / "usercustomize.py").write_text("print('WORKED: usercustomize')\n")
    (home / "evil.pth").write_text("import os; print('WORKED: pth')\n")
    return home
