# /// attack
# tries = "hard links to a file of the host in place of a part"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# slow = true
# ///
import os
import shutil


def build(home):
    elsewhere = home.parent / "elsewhere.py"
    shutil.copy(home / "matmul.py", elsewhere)
    (home / "matmul.py").unlink()
    os.link(elsewhere, home / "matmul.py")
    return home
