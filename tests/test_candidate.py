"""The judge's end of the wall: whatever the worker says, a call ends in an answer or in a verdict, never in a crash."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grader import wire
from grader.candidate import CALLS, Candidate, CandidateFault, Part, RaisedError
from grader.errors import HarnessError, SandboxLost
from grader.judge import fit
from grader.models import Limits, Verdict
from grader.sandbox.base import Deadline, SandboxGone, Usage
from grader.worker import gpt, matmul, scan, tests

Say = Callable[[str], bytes]  # gives what the child sends in answer to the request with this id


def message(**header: Any) -> bytes:
    return wire.pack(wire.Message(header))


FRAME = {"file": "scan.py", "line": 7, "name": "f", "text": "raise"}


def error_of(**other: Any) -> dict[str, Any]:
    return {"type": "ValueError", "message": "no", "frames": [FRAME], "memory": False, "value_error": True} | other


class FakeRoom:
    """A room whose parent process behaves and whose child says what a test wants."""

    best_effort = ()
    image = runtime = None

    def __init__(self, say: Say, end: dict[str, int] | None = None, oom_kills: int = 0, host_kills: int = 0) -> None:
        self.say, self.end, self.used = say, end, Usage(None, oom_kills, host_kills)
        self.out = bytearray()
        self.chunks = wire.ChunkReader()
        self.requests = wire.MessageReader(1 << 30)
        self.closed = False
        self.warmed = False
        self.spawned: list[dict[str, Any]] = []

    def send(self, data: bytes, deadline: float) -> None:
        self.chunks.feed(data)
        while (item := self.chunks.next()) is not None:
            kind, body = item
            if kind == wire.BOOT:
                head = json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])
                self.out += wire.chunk(wire.READY, json.dumps({"nonce": head["nonce"], "torch": "x"}).encode())
            elif kind == wire.WARM:
                self.warmed = True
            elif kind == wire.SPAWN:
                self.spawned.append(json.loads(body))
                self.out += wire.chunk(wire.READY, self.spawned[-1]["nonce"].encode())
            elif kind == wire.KILL:
                self.out += wire.chunk(wire.EXIT, b'{"signal": 9}')
            elif kind == wire.DATA:
                self.requests.feed(body)
                while (request := self.requests.next()) is not None:
                    self.answer(request.header)

    def answer(self, header: dict[str, Any]) -> None:
        if header["op"] == "import":
            self.out += wire.chunk(wire.DATA, message(id=header["id"], ok={}))
            return
        self.out += wire.chunk(wire.DATA, self.say(header["id"]))
        if self.end is not None:
            self.out += wire.chunk(wire.EXIT, json.dumps(self.end).encode())

    def receive(self, deadline: float) -> bytes:
        if self.closed:
            raise SandboxGone("closed")
        if not self.out:
            time.sleep(max(0.0, deadline - time.monotonic()))
            raise Deadline("nothing came")
        data, self.out = bytes(self.out[:7]), self.out[7:]
        return data

    def usage(self) -> Usage:
        return self.used

    def close(self) -> None:
        self.closed = True


def call(room: FakeRoom) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    limits = Limits(call_s=0.3, reply_mib=1)
    candidate = Candidate({"scan.py": b""}, {}, limits, lambda: room)
    candidate.boot(room)
    candidate.enter("scan")
    return candidate.call("tiled", {}, {})


def test_an_honest_reply_is_the_answer() -> None:
    """A reply with the request's id comes through, tensors and all."""
    tensor = torch.arange(6).reshape(2, 3)
    answer, tensors = call(FakeRoom(lambda i: wire.pack(wire.Message({"id": i, "ok": {"n": 1}}, {"out": tensor}))))
    assert answer == {"n": 1} and torch.equal(tensors["out"], tensor)


@pytest.mark.parametrize(
    "say",
    [
        lambda i: message(id="0" * 16, ok={}),
        lambda i: message(id=i),
        lambda i: message(id=i, ok={}, unfit="both"),
        lambda i: message(id=i, ok={}, verdict="accepted"),
        lambda i: message(id=i, ok=[]),
        lambda i: message(id=7, ok={}),
        lambda i: message(id=i, combine=True),
        lambda i: message(id=i, combine=False),
        lambda i: message(id=i, too_large=-1),
        lambda i: message(id=i, ok={"half a pair": "\ud800"}),
        lambda i: message(id=i, ok={}, **{f"k{n}": n for n in range(10_000)}),
        lambda i: message(id=i, error=error_of(type="\udfff")),
        lambda i: message(id=i, error=error_of(type="E" * 101)),
        lambda i: message(id=i, error=error_of(frames=[FRAME] * 13)),
        lambda i: message(id=i, error=error_of(frames=[FRAME | {"line": -1}])),
        lambda i: message(id=i, error=error_of(frames=[FRAME | {"text": "x" * 201}])),
        lambda i: wire.LENGTHS.pack(3, 0) + b"NaN",
        lambda i: wire.LENGTHS.pack(2, 4) + b"{}" + b"abcd",
        lambda i: wire.LENGTHS.pack(2**32 - 1, 0),
        lambda i: b"1 passed in 0.01s " * 40,
    ],
    ids=[
        "replayed", "empty", "two-outcomes", "unknown-field", "wrong-type", "wrong-id-type", "unasked-call-back",
        "no-call-back", "negative-size", "surrogate", "many-fields", "surrogate-in-error", "long-type", "many-frames",
        "negative-line", "long-line", "no-json", "no-safetensors", "huge-header", "prints",
    ],
)  # fmt: skip
def test_a_reply_that_is_none_is_a_protocol_error(say: Say) -> None:
    """Forged, replayed and malformed replies are the submission's fault."""
    with pytest.raises(CandidateFault) as caught:
        call(FakeRoom(say))
    assert caught.value.verdict is Verdict.protocol_error


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        *(
            (torch.zeros(2, dtype=dtype), f"has dtype {dtype}")
            for dtype in (torch.uint16, torch.uint64, torch.complex64, torch.float8_e4m3fn)
        ),
        (torch.ones([1] * 65), "has 65 axes"),
    ],
)
def test_an_answer_that_cannot_be_compared_is_wrong(answer: torch.Tensor, text: str) -> None:
    """torch raises where it compares such numbers, or so many axes; that is no fault of the harness."""
    with pytest.raises(CandidateFault, match=f"out {text}") as caught:
        call(FakeRoom(lambda i: wire.pack(wire.Message({"id": i, "ok": {}}, {"out": answer}))))
    assert caught.value.verdict is Verdict.wrong_answer


def test_a_message_of_any_length_is_cut() -> None:
    """What a submission says reaches the scorecard in bounded length, so that the scorecard always gets through."""
    with pytest.raises(CandidateFault) as caught:
        call(FakeRoom(lambda i: message(id=i, ok={}, **{"k" * 100_000: 1})))
    assert len(caught.value.message) < 400
    assert len(CandidateFault(Verdict.wrong_answer, "x" * 100_000).message) == 4096


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"nonce": 1}', b'{"nonce": "other", "torch": "x"}'])
def test_a_worker_that_does_not_start_is_a_harness_error(said: bytes) -> None:
    """Before a submission runs, garbage is our own fault, and the sandbox is taken down."""
    room = FakeRoom(lambda i: b"")
    room.send = lambda data, deadline: room.out.extend(wire.chunk(wire.READY, said))  # type: ignore[method-assign]
    candidate = Candidate({}, {}, Limits(start_s=1), lambda: room)
    with pytest.raises(HarnessError, match=r"did not (start|answer)"):
        candidate.boot(room)
    assert room.closed


def test_a_process_that_never_starts_is_a_harness_error() -> None:
    """A fresh sandbox in which no submission ran yet, and which starts nothing, is ours to answer for."""
    rooms: list[FakeRoom] = []

    class Stuck(FakeRoom):
        def send(self, data: bytes, deadline: float) -> None:
            super().send(data, deadline)
            if self.spawned:
                self.closed = True

    def open_room() -> FakeRoom:
        rooms.append(Stuck(lambda i: b""))
        return rooms[-1]

    candidate = Candidate({"scan.py": b""}, {}, Limits(), open_room)
    candidate.enter("scan")
    with pytest.raises(HarnessError, match="starts no process for scan"):
        candidate.call("tiled")
    assert len(rooms) == 2


def test_a_missing_part_costs_the_next_neither_time_nor_its_sandbox() -> None:
    """Where no process was started there is none to be stopped: the parent would not answer."""
    rooms: list[FakeRoom] = []

    class Literal(FakeRoom):
        def send(self, data: bytes, deadline: float) -> None:
            assert data[:1] != wire.KILL, "there is nothing to kill"
            super().send(data, deadline)

    def open_room() -> FakeRoom:
        rooms.append(Literal(lambda i: message(id=i, ok={})))
        return rooms[-1]

    candidate = Candidate({"scan.py": b""}, {}, Limits(), open_room)
    candidate.boot(open_room())
    candidate.enter("gpt")
    with pytest.raises(CandidateFault, match="not in the submission"):
        candidate.call("build")
    candidate.enter("scan")
    assert candidate.call("tiled") == ({}, {})
    assert len(rooms) == 1


def test_evidence_of_any_size_is_cut() -> None:
    """Sixty checks with a megabyte each would not fit the line that carries a scorecard; a share still counts."""
    assert fit({"claim": "c", "expected": 1}) == {"claim": "c", "expected": 1}
    cut = fit({"claim": "c", "fraction": 0.5, "caught": {"x" * 300_000: 1}})
    assert cut["claim"] == "c" and cut["fraction"] == 0.5 and len(str(cut)) < 200
    assert "of evidence were left out; the limit is 262,144" in str(cut["detail"])


def test_a_reply_over_the_limit_is_an_output_limit() -> None:
    """A length of 2^63 is refused before anything is allocated."""
    with pytest.raises(CandidateFault) as caught:
        call(FakeRoom(lambda i: wire.LENGTHS.pack(2, 2**63)))
    assert caught.value.verdict is Verdict.output_limit


def test_silence_is_a_time_limit() -> None:
    """A call that does not end is ended by the host's clock."""
    with pytest.raises(CandidateFault) as caught:
        call(FakeRoom(lambda i: message(id=i, ok={})[:-1]))
    assert caught.value.verdict is Verdict.time_limit


@pytest.mark.parametrize(
    ("end", "oom_kills", "verdict", "text"),
    [
        ({"signal": 11}, 0, Verdict.runtime_error, "SIGSEGV"),
        ({"code": 0}, 0, Verdict.runtime_error, "exit code 0"),
        ({"signal": 9}, 0, Verdict.runtime_error, "SIGKILL"),
        ({"signal": 9}, 1, Verdict.memory_limit, "2048 MiB"),
    ],
)
def test_a_child_that_ends_is_the_submissions_fault(
    end: dict[str, int], oom_kills: int, verdict: Verdict, text: str
) -> None:
    """A crash, an exit and an out-of-memory kill in the middle of a call have their own words."""
    with pytest.raises(CandidateFault, match=text) as caught:
        call(FakeRoom(lambda i: b"", end, oom_kills))
    assert caught.value.verdict is verdict


def test_a_kill_for_want_of_the_machine_s_memory_is_no_verdict() -> None:
    """A process that was killed below its sandbox's own limit did nothing wrong; one that crashed by itself did."""
    with pytest.raises(SandboxLost, match=r"below its own limit of 2048 MiB; grade with fewer --jobs"):
        call(FakeRoom(lambda i: b"", {"signal": 9}, host_kills=1))
    with pytest.raises(CandidateFault, match="SIGSEGV"):
        call(FakeRoom(lambda i: b"", {"signal": 11}, host_kills=1))


def test_an_exception_names_its_line() -> None:
    """What the submission raised is shown with file and line."""
    with pytest.raises(RaisedError, match=r"^tiled_prefix_matmul raised ValueError at scan.py:7: no$") as caught:
        call(FakeRoom(lambda i: message(id=i, error=error_of())))
    assert caught.value.is_value_error


def test_an_exception_without_a_text_says_what_limit_there_is() -> None:
    """A MemoryError is empty: the limit is what there is to say; of another, nothing is."""
    ends = {"MemoryError": r":7: it took more than 2048 MiB \(limits.memory_mib\)$", "AssertionError": ":7$"}
    for kind, end in ends.items():
        error = error_of(type=kind, message="", memory=kind == "MemoryError")
        with pytest.raises(RaisedError, match=end):
            call(FakeRoom(lambda i, error=error: message(id=i, error=error)))


def test_every_operation_is_named_by_what_the_submission_knows() -> None:
    """What an operation is called in messages is of one that the worker has."""
    servers: dict[Part, type] = {"minigpt": gpt.Server, "matmul": matmul.Server, "scan": scan.Server}
    for part, calls in CALLS.items():
        server = servers.get(part, tests.Server)
        assert all(hasattr(server, f"do_{op}") for op in calls)


def test_a_missing_part_costs_only_what_needs_it() -> None:
    """A file that is not there is `missing`, and one that was refused says why; no sandbox is asked."""
    candidate = Candidate({}, {"matmul.py": "a symbolic link"}, Limits(), lambda: pytest.fail("no room is needed"))
    for section, text in (("gpt", "minigpt.py is not in the submission"), ("matmul", "a symbolic link")):
        candidate.enter(section)
        with pytest.raises(CandidateFault, match=text) as caught:
            candidate.call("run")
        assert caught.value.verdict is Verdict.missing
    nested = Candidate({"sub/minigpt.py": b"", "my_minigpt.py": b""}, {}, Limits(), lambda: pytest.fail("no room"))
    nested.enter("gpt")
    with pytest.raises(CandidateFault, match=r"is not in the submission; there is one at sub/minigpt.py$"):
        nested.call("run")


def test_a_solution_is_laid_over_the_files_in_a_process_of_its_own() -> None:
    """What verify.tests tries goes with the order to start a process, and never twice into the same one."""
    room = FakeRoom(lambda i: message(id=i, ok={}))
    candidate = Candidate({"tests/test_a.py": b""}, {}, Limits(call_s=0.3), lambda: room)
    for text in ("reference", "mutant"):
        candidate.enter("verify", {"minigpt.py": text})
        candidate.call("run")
    assert [order["files"] for order in room.spawned] == [{"minigpt.py": "reference"}, {"minigpt.py": "mutant"}]


def test_a_closed_candidate_starts_nothing_more() -> None:
    """Ctrl-C takes the sandboxes of siblings down too, and a thread that still works in one cannot open another."""
    rooms: list[FakeRoom] = []

    def open_room() -> FakeRoom:
        rooms.append(FakeRoom(lambda i: message(id=i, ok={})))
        return rooms[-1]

    candidate = Candidate({"scan.py": b""}, {}, Limits(call_s=0.3), open_room)
    sibling = candidate.sibling({"scan.py": b""}, call_s=0.2)
    assert sibling.limits.call_s == 0.2
    sibling.enter("scan")
    sibling.call("tiled")
    candidate.close()
    assert [room.closed for room in rooms] == [True]
    with pytest.raises(HarnessError, match="the sandbox was closed"):
        sibling.call("tiled")
    assert len(rooms) == 1


def test_the_next_sibling_takes_the_sandbox_that_was_started_for_it() -> None:
    """It imports what tests need, and nothing of the submission is in it before; where nobody takes it, it ends with
    the candidate."""
    rooms: list[FakeRoom] = []

    def open_room() -> FakeRoom:
        rooms.append(FakeRoom(lambda i: message(id=i, ok={})))
        return rooms[-1]

    candidate = Candidate({"scan.py": b""}, {}, Limits(call_s=0.3), open_room)
    candidate.start_spare()
    assert len(rooms) == 1 and rooms[0].warmed and not rooms[0].spawned and not rooms[0].out
    sibling = candidate.sibling({"scan.py": b""})
    sibling.enter("scan")
    sibling.call("tiled")
    assert len(rooms) == 1 and rooms[0].spawned
    candidate.start_spare()
    candidate.close()
    assert [room.closed for room in rooms] == [True, True]
