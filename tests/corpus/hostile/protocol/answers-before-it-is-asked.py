# /// attack
# tries = "guesses the next request's id and answers before it is asked"
# base = "blank"
# ///
import sys
import threading
import time

import torch


def line():
    frame = sys._getframe()
    while frame is not None:
        if "reply_bytes" in frame.f_locals and "line" in frame.f_locals:
            return frame.f_locals["line"], frame.f_locals["call_id"]
        frame = frame.f_back


LINE, ID = line()


def early():
    LINE.send({"id": ID, "ok": {}})
    for i in range(200):
        LINE.send({"id": format(i, "016x"), "ok": {"requires_grad": False}}, {"C": torch.zeros(5, 4)})
        time.sleep(0.001)


threading.Thread(target=early, daemon=True).start()
