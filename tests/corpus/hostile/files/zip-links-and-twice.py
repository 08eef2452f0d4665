# /// attack
# tries = "an archive with symbolic links, devices, and a part that stands in it twice"
# fails = ["matmul.*", "scan.*"]
# keeps = ["gpt.*"]
# slow = true
# ///
import stat
import warnings
import zipfile


def build(home):
    path = home.parent / "links.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.write(home / "minigpt.py", "minigpt.py")
        link = zipfile.ZipInfo("matmul.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "@canary@")
        for text in ("raise SystemExit\n", (home / "scan.py").read_text()):
            archive.writestr("scan.py", text)
        device = zipfile.ZipInfo("zero")
        device.external_attr = (stat.S_IFCHR | 0o666) << 16
        archive.writestr(device, "")
    return path
