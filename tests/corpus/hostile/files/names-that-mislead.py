# /// attack
# tries = "names with newlines, bidi marks, escapes, leading dashes, backslashes and no UTF-8"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
import os


def build(home):
    for name in (
        b"two\nlines.py", b"\xe2\x80\xaeyp.tluser.py", b"\x1b[2Jclear.py", b"-rf", b"--only", b"\xff\xfe.py",
        b"back\\slash.py", b"\xed\xa0\x80.py", b"tab\there.md", b" ", b"...", b"a" * 255,
        b"<script>alert(1)<.py", b"$(touch @token@).py", b"=cmd|calc.py", b"::error::x.py",
    ):  # fmt: skip
        with open(os.path.join(os.fsencode(home), name), "wb") as file:
            file.write(b"pass\n")
    return home
