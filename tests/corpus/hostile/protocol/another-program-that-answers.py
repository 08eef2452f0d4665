# /// attack
# slow = true
# tries = "becomes another program, which answers every request with the same ok and an empty tensor for every name"
# base = "blank"
# ///
import os
import sys


def line():
    frame = sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("line")
        if hasattr(found, "sock"):
            return found, frame.f_locals.get("call_id")
        frame = frame.f_back


PROGRAM = r"""
import json, os, struct, sys
fd, call_id = int(sys.argv[1]), sys.argv[2]
names = ["C", "raw_dA", "raw_dB", "dA", "dB", "logits", "tokens", "loss", "ys", "xs", "out"]
entries = {n: {"dtype": "F64", "shape": [5, 4], "data_offsets": [160 * i, 160 * i + 160]} for i, n in enumerate(names)}
head = json.dumps(entries).encode(); head += b" " * (-len(head) % 8)
payload = struct.pack("<Q", len(head)) + head + bytes(160 * len(names))
def reply(call_id):
    text = json.dumps({"id": call_id, "ok": {"requires_grad": True, "raw_none": [False, False], "noticed": True, "written": [],
        "packed": [[1]], "unpacked": [0], "is_function": True, "inside": False, "work": 1, "none": [False, False]}}).encode()
    os.write(fd, struct.pack(">IQ", len(text), len(payload)) + text + payload)
def whole(n):
    data = b""
    while len(data) < n:
        more = os.read(fd, n - len(data))
        if not more: sys.exit()
        data += more
    return data
reply(call_id)
while True:
    a, b = struct.unpack(">IQ", whole(12))
    request = json.loads(whole(a)); whole(b)
    reply(request["id"])
"""
found, call_id = line()
os.set_inheritable(found.sock.fileno(), True)
os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", PROGRAM, str(found.sock.fileno()), call_id])
