# /// attack
# tries = "an archive with members that are absolute, lead out of it, and carry drive letters"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
import zipfile


def build(home):
    path = home.parent / "@token@.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("minigpt.py", "matmul.py", "scan.py"):
            archive.write(home / name, name)
        for name in ("../out.py", "/tmp/@token@", "a/../../b.py", "C:\\x.py", "..\\..\\x.py", "@canary@", "./././../x"):
            archive.writestr(name, "pass\n")
    return path
