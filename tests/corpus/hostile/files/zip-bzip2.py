# /// attack
# tries = "a member by bzip2, of which some kilobytes can ask for gigabytes"
# rejected = true
# ///
import zipfile


def build(home):
    path = home.parent / "bzip2.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(home / "minigpt.py", "minigpt.py")
        archive.writestr("weights.bin", b"\0" * (1 << 26))
    return path
