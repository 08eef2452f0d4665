# /// attack
# slow = true
# tries = "spells a key of its reply twice, once with an escape, and hides an error beside an ok"
# base = "blank"
# ///
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("line")
        if hasattr(found, "sock"):
            return found
        frame = frame.f_back


the = line()
wire = type(the).send.__globals__["wire"]


def send(header, tensors=None):
    text = '{"id": "%s", "\\u0069d": "%s", "\\u006fk": {"requires_grad": true}, "error": null, "ok": {}}' % ((header["id"],) * 2)
    tensors = {"C": torch.zeros(5, 4, dtype=torch.float64)}
    payload = wire.pack_tensors(tensors)
    the.sock.sendall(wire.LENGTHS.pack(len(text), len(payload)) + text.encode() + payload)


the.send = send
