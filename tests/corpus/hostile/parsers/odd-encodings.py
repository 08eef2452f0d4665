# /// attack
# tries = "sources that name encodings which do not exist, decompress, or hide code: unknown, zlib, utf-7, unicode_escape"
# fails = ["matmul.*", "scan.*"]
# keeps = ["gpt.*"]
# slow = true
# ///
def build(home):
    (home / "matmul.py").write_bytes(b"# -*- coding: zlib_codec -*-\n" + b"\x78\x9c" * 100)
    (home / "scan.py").write_bytes(b"# -*- coding: no-such-thing\xff -*-\nx = 1\n")
    (home / "hidden.py").write_bytes(b"# coding: utf-7\n+AAo-import os\n")
    return home
