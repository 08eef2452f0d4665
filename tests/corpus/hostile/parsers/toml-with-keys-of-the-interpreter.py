# /// attack
# slow = true
# tries = "declares bugs whose fields are dates, arrays, infinities and integers too long to print, and a kit of sixty-four characters that Python's repr escapes"
# fails = ["diagnosis.bugs"]
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# only = "*.[lftb][oiu][alrg]*"
# ///
from pathlib import Path


def build(home: Path) -> Path:
    (home / "submission.toml").write_text(
        'kit = "\\u0000\\u001b[31m\\U000e0041\'\\"<b>"\n'
        "[[diagnosis]]\nbug = \"mask\"\nwhere = 0x" + "f" * 7000 + "\ntest = [[[[[[1979-05-27T07:32:00.999999-07:00, nan, -inf, 1e-400]]]]]]\n"
        "[[diagnosis]]\nbug = \"ﬀ\\u0130\\uD7FF\"\nwhere = {a.b.c.d = {e = 1}}\ntest = 23:59:60.1\n".replace("23:59:60.1", "23:59:59.1")
    )
    return home
