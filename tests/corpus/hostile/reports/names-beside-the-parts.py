# /// attack
# slow = true
# tries = "packs files named like commands of a log, a formula, a page and the report itself, and parts of two thousand lines that are all nearly alike"
# fails = []
# keeps = ["gpt.load", "scan.tiled"]
# ///
import zipfile
from pathlib import Path


def build(home: Path) -> Path:
    made = home.parent / "names.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(home / "minigpt.py", "minigpt.py")
        archive.write(home / "scan.py", "scan.py")
        text = (home / "matmul.py").read_text()
        room = 1990 - text.count("\n")
        archive.writestr("matmul.py", text + "".join(f"# {'</span><script>' if i % 3 else chr(27)}{i % 97}{chr(0x202E)}\n" for i in range(room)))
        for name in ("::error::x.py", "=1+1.py", "##[error]x", "scorecard.json", "report.html", "index.html", "<img src=x onerror=alert(1)>", "a|b`c.md", "[a](javascript:a).md", "$(touch @canary@)", "&lt;x&gt;", "con", "nul.py", "x\u0301\u0301\u0301\u0301\u0301\u0301\u0301.py", "review", "criteria", "%2e%2e%2fx", "🙂" * 60):
            archive.writestr(name, "x = 1\n")
    return made
