# /// attack
# tries = "symbolic links to the reference, to the host's files and to itself, in place of parts and folders"
# fails = ["matmul.*", "scan.*"]
# keeps = ["gpt.*"]
# ///
import os


def build(home):
    (home / "matmul.py").unlink()
    (home / "matmul.py").symlink_to(os.path.join(os.getcwd(), "reference", "matmul.py"))
    (home / "scan.py").unlink()
    (home / "scan.py").symlink_to("minigpt.py")
    (home / "tests").symlink_to("/")
    (home / "loop").symlink_to("loop")
    (home / "NOTES.md").symlink_to("/etc/passwd")
    (home / "canary").symlink_to("@canary@")
    return home
