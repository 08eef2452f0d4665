# /// attack
# tries = "fills /tmp, /dev/shm and /submission with bytes and with empty files, and fails"
# slow = true
# ///
import os

for top in ("/tmp", "/dev/shm", "/submission"):
    try:
        os.chmod(top, 0o777)
    except OSError:
        pass
    try:
        with open(f"{top}/full", "wb") as file:
            while True:
                file.write(b"\1" * (1 << 20))
    except OSError:
        pass
    try:
        for i in range(20_000):
            os.mkdir(f"{top}/d{i}")
    except OSError:
        pass
raise SystemExit(1)
