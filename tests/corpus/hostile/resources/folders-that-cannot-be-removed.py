# /// attack
# tries = "leaves folders nested 5,000 deep, without permissions, with names of 255 bytes, for the next section to clean"
# ///
import os

for top in ("/tmp", "/dev/shm"):
    try:
        os.chdir(top)
        for i in range(5000):
            os.mkdir("d" * (255 if i < 50 else 1))
            os.chdir("d" * (255 if i < 50 else 1))
        open("x", "w").close()
        os.chmod(".", 0)
        os.chdir("/")
    except OSError as error:
        print(error)
    try:
        os.chmod(f"{top}/{'d' * 255}", 0)
    except OSError:
        pass
raise SystemExit(1)
