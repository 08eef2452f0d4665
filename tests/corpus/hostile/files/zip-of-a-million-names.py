# /// attack
# tries = "an archive with 200,000 empty members"
# rejected = true
# slow = true
# ///
import zipfile


def build(home):
    path = home.parent / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(200_000):
            archive.writestr(f"n{i}", "")
    return path
