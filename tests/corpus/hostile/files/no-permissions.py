# /// attack
# tries = "folders and files without any permission"
# fails = []
# keeps = ["gpt.*", "matmul.*"]
# slow = true
# ///
import os


def build(home):
    for name in ("a", "b"):
        (home / name).mkdir()
        (home / name / "x.py").write_text("pass\n")
        os.chmod(home / name / "x.py", 0)
        os.chmod(home / name, 0)
    os.chmod(home / "scan.py", 0)
    return home
