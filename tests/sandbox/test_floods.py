"""However much a sandbox says, the judge's memory stays flat and its deadlines hold."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from grader import candidate as judge
from grader.candidate import Candidate, CandidateFault
from grader.models import Limits, Verdict
from grader.sandbox import choose
from grader.sandbox.base import Sandbox

pytestmark = pytest.mark.bubblewrap
MIB = 2**20
CALL_S, STOP_S = 1.0, 0.5
REPLY_MIB = 8

# A worker that starts as it should and floods as soon as it is asked something.
PROGRAM = """
import json, os, struct, sys, threading
def read(n):
    data = b""
    while len(data) < n:
        piece = os.read(0, min(n - len(data), 1 << 20))
        if not piece: sys.exit(0)
        data += piece
    return data
def chunk(kind, data=b""): return struct.pack(">cI", kind, len(data)) + data
def say(data):
    view = memoryview(data)
    while view: view = view[os.write(1, view):]
def nonce():
    kind, size = struct.unpack(">cI", read(5))
    data = read(size)
    text = data[4 : 4 + int.from_bytes(data[:4], "big")] if kind == b"B" else data
    return json.loads(text)["nonce"]
say(chunk(b"R", json.dumps({"nonce": nonce(), "torch": "x"}).encode()))
say(chunk(b"R", nonce().encode()))
read(5)
"""
FLOODS = {
    "log": 'data = chunk(b"L", b"x" * (256 << 10))\nwhile True: say(data)',
    "empty chunks": 'data = chunk(b"L") * 50_000 + chunk(b"D") * 50_000\nwhile True: say(data)',
    "a reply without an end": f'say(chunk(b"D", struct.pack(">IQ", 2, {REPLY_MIB} << 20) + b"{{}}"))\n'
    'data = chunk(b"D", b"x" * 1000)\nfor _ in range(5000): say(data)\n'
    'data = chunk(b"L", b"x" * 1000)\nwhile True: say(data)',
    "a header without an end": 'say(chunk(b"D", struct.pack(">IQ", 1 << 20, 0)))\n'
    'data = chunk(b"D", b"[" * 1000)\nfor _ in range(1000): say(data)\n'
    'data = chunk(b"L", b"x" * 1000)\nwhile True: say(data)',
    "replies to nobody": 'text = json.dumps({"id": "0" * 16, "ok": {}}).encode()\n'
    'data = chunk(b"D", struct.pack(">IQ", len(text), 0) + text) * 1000\nwhile True: say(data)',
    "standard error": 'data = b"x" * (1 << 20)\nwhile True: os.write(2, data)',
    "everything": 'def err():\n    while True: os.write(2, b"y" * 65536)\n'
    "threading.Thread(target=err).start()\n"
    'data = chunk(b"L", b"x" * 60000) + chunk(b"D") * 1000\nwhile True: say(data)',
}
# The same from a child of the real worker: its output, and the socket that it finds among its descriptors.
FLOODING_SCAN = """
import os, stat, threading
def write(fd, data):
    while True:
        os.write(fd, data)
for fd in (1, 2):
    threading.Thread(target=write, args=(fd, b"x" * 65536), daemon=True).start()
for fd in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            write(fd, (2).to_bytes(4, "big") + (4 << 20).to_bytes(8, "big") + b"{}" + b"x" * 65536)
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def bubblewrap() -> Sandbox:
    chosen = choose("bubblewrap")
    chosen.prepare(print)
    return chosen


@pytest.fixture(autouse=True)
def short_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "STOP_S", STOP_S)


@pytest.fixture
def growth() -> Iterator[Callable[[], float]]:
    """Watch this process: how many MiB its memory grew at most since the test began."""

    def resident() -> int:
        with open("/proc/self/statm") as file:  # noqa: PTH123  # nothing else may allocate here
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    first, most, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            most[0] = max(most[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield lambda: (most[0] - first) / MIB
    done.set()
    watcher.join()


def fault_of(candidate: Candidate) -> CandidateFault:
    try:
        candidate.boot(candidate.open_room())
        candidate.enter("scan")
        started = time.monotonic()
        with pytest.raises(CandidateFault) as caught:
            candidate.call("inclusive")
        assert time.monotonic() - started < CALL_S + 1.5
        candidate.enter("matmul")  # the flood goes on while the child is to be stopped
        assert time.monotonic() - started < CALL_S + STOP_S + 3
        assert len(candidate.output) <= candidate.limits.output_kib << 10
        return caught.value
    finally:
        candidate.close()


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_from_a_worker_grows_the_judge_by_less_than_40_mib(
    flood: str, bubblewrap: Sandbox, growth: Callable[[], float]
) -> None:
    """A worker that says as much as it can, in any form, is given a verdict; what it said is not kept."""
    limits = Limits(call_s=CALL_S, reply_mib=REPLY_MIB)
    candidate = Candidate({"scan.py": b""}, {}, limits, lambda: bubblewrap.open(limits, PROGRAM + FLOODS[flood]))
    assert fault_of(candidate).verdict in (Verdict.time_limit, Verdict.protocol_error)
    assert growth() < 4 * REPLY_MIB + 8


def test_a_flood_from_a_submission_grows_the_judge_by_less_than_40_mib(
    bubblewrap: Sandbox, growth: Callable[[], float]
) -> None:
    """So is one that floods its output and the protocol's own socket at once."""
    limits = Limits(call_s=CALL_S, reply_mib=REPLY_MIB)
    files = {"scan.py": FLOODING_SCAN.encode(), "matmul.py": b""}
    candidate = Candidate(files, {}, limits, lambda: bubblewrap.open(limits))
    assert fault_of(candidate).verdict is Verdict.protocol_error
    assert candidate.output.startswith(b"xxxx")
    assert growth() < 4 * REPLY_MIB + 8
