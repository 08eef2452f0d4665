# /// attack
# tries = "a part in UTF-16 with marks of order, and one that is no text at all"
# fails = ["matmul.*", "scan.*"]
# keeps = ["gpt.*"]
# slow = true
# ///
import os


def build(home):
    (home / "matmul.py").write_bytes((home / "matmul.py").read_text().encode("utf-16"))
    (home / "scan.py").write_bytes(os.urandom(50_000))
    return home
