# /// attack
# slow = true
# tries = "writes a part with form feeds, carriage returns, line separators and a coding line, and fails in the middle of it"
# fails = ["matmul.*"]
# keeps = ["gpt.load", "scan.tiled"]
# ///
from pathlib import Path


def build(home: Path) -> Path:
    text = (home / "matmul.py").read_text().replace("from __future__ import annotations\n", "")
    odd = "# -*- coding: latin-1 -*-\r\x0c\rword = '\x85\xa0\x1c\x1d'\r\n\x0c\n" + text.replace("\n", "\r") + "\rraise RuntimeError('\xad' + word)\r"
    (home / "matmul.py").write_bytes(odd.encode("latin-1", "replace"))
    (home / "NOTES.md").write_bytes(b"\xef\xbb\xbf\xff\xfe# \x00\x1b]8;;http://x\x07y\x1b]8;;\x07\r\r\n\x0c\xed\xa0\x80" + "\u2028\u2029\ufeff".encode() * 500)
    return home
