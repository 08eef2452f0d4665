"""The judge's side of the wire: whatever an untrusted worker sends, each call ends in an answer or in a verdict."""

from __future__ import annotations

import json
from typing import Any

import torch
from replies import mutate  # noqa: F401  # which the driver asks for
from scripted import Script

from grader import wire
from grader.candidate import PART_OF_SECTION, Candidate, CandidateFault, tensor_of
from grader.checks.expect import expect_close, expect_finite
from grader.errors import HarnessError
from grader.judge import fit
from grader.models import CheckResult, Limits, Verdict
from grader.sandbox.base import Deadline, SandboxGone, Usage

ID = b"@@@@@@@@@@@@@@@@"  # in a script: the id of the last request, or the nonce
LIMITS = Limits(reply_mib=0.25, output_kib=1)
BOOTS, SPAWNS, IMPORTS, DIES, ENDS, OUT_OF_MEMORY = (1 << bit for bit in range(6))  # what the first byte says
KINDS = (wire.DATA, wire.LOG, wire.EXIT, wire.READY)
FAULTS = {
    Verdict.wrong_answer, Verdict.runtime_error, Verdict.time_limit, Verdict.memory_limit, Verdict.output_limit,
    Verdict.protocol_error,
}  # fmt: skip


class ScriptedRoom:
    """A room whose other side says what the fuzzer wrote, and behaves where the first byte says so."""

    best_effort = ()
    image = None
    runtime = None

    def __init__(self, manners: int, script: Script) -> None:
        self.manners, self.script = manners, script
        self.out = bytearray()
        self.last_id = ID
        self.chunks = wire.ChunkReader()
        self.requests = wire.MessageReader(1 << 30)

    def send(self, data: bytes, deadline: float) -> None:
        self.chunks.feed(data)
        while (item := self.chunks.next()) is not None:
            kind, body = item
            if kind == wire.BOOT:
                self.last_id = json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])["nonce"].encode()
                self.say(BOOTS, wire.READY, b'{"nonce": "%s", "torch": "x"}' % self.last_id)
            elif kind == wire.SPAWN:
                self.last_id = json.loads(body)["nonce"].encode()
                self.say(SPAWNS, wire.READY, self.last_id)
            elif kind == wire.KILL:
                self.say(ENDS, wire.EXIT, b'{"signal": 9}')
            elif kind == wire.DATA:
                self.requests.feed(body)
                while (request := self.requests.next()) is not None:
                    self.last_id = request.header.get("id", "").encode()
                    if request.header.get("op") == "import":
                        reply = wire.pack(wire.Message({"id": self.last_id.decode(), "ok": {}}))
                        self.say(IMPORTS, wire.DATA, reply)

    def say(self, manner: int, kind: bytes, data: bytes) -> None:
        if self.manners & manner:
            self.out += wire.chunk(kind, data)

    def receive(self, deadline: float) -> bytes:
        if not self.out:
            self.out += self.written().replace(ID, self.last_id)
        piece, self.out = bytes(self.out[: 1 << 20]), self.out[1 << 20 :]
        if not piece:
            raise SandboxGone("it ended") if self.manners & DIES else Deadline("nothing came")
        return piece

    def written(self) -> bytes:
        """Take what is said next: raw bytes, a chunk, or a chunk with a message, whose lengths are right."""
        form = self.script.byte()
        data = self.script.some()
        if form < 64 or not data:
            return data
        if form < 128:
            return wire.chunk(KINDS[form % 4], data)
        header, _, payload = data.partition(b"\xfe")  # a byte that no JSON in UTF-8 holds
        return wire.chunk(wire.DATA, wire.LENGTHS.pack(len(header), len(payload)) + header + payload)

    def usage(self) -> Usage:
        return Usage(None, 1 if self.manners & OUT_OF_MEMORY else None)

    def close(self) -> None:
        self.script.byte()  # another room goes on with the script, and there is an end to it


def run(data: bytes) -> None:
    script = Script(data)
    manners = script.byte()
    behaves = manners & BOOTS and manners & SPAWNS

    def open_room() -> ScriptedRoom:
        return ScriptedRoom(manners, script)

    candidate = Candidate({"scan.py": b"", "matmul.py": b""}, {}, LIMITS, open_room)
    try:
        for section in ("scan", "scan", "matmul", "matmul", "scan"):
            before = dict(candidate._left)
            candidate.enter(section)
            try:
                answer, tensors = candidate.call(
                    "inclusive", {}, {"xs": torch.zeros(2, 2)}, combine=combine, may_raise=True
                )
                judge(answer, tensors)
            except CandidateFault as fault:
                assert fault.verdict in FAULTS, fault.verdict
                stored(fault)
            assert all(candidate._left[part] <= before[part] for part in PART_OF_SECTION.values())
            assert len(candidate.output) <= LIMITS.output_kib << 10
            assert candidate._messages.pending <= (2 << 20) + wire.RELAY_BYTES
    except HarnessError:
        assert not behaves, "the harness is at fault only where a sandbox does not start"
    finally:
        candidate.close()


def combine(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Take what a check of the scan takes."""
    if left.shape != right.shape or left.dtype != torch.int64 or right.dtype != torch.int64:
        raise CandidateFault(Verdict.wrong_answer, f"combine was given {list(left.shape)} and {list(right.shape)}")
    return left + right


def judge(answer: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Compare what came, as a check does."""
    assert isinstance(answer, dict)
    json.dumps(answer, ensure_ascii=False).encode()
    for name in tensors:
        got = tensor_of(tensors, name, "a value", tuple(tensors[name].shape))
        expect_finite(got, "a value")
        expect_close(got, torch.zeros(got.shape), 1e-3, "a value")


def stored(fault: CandidateFault) -> None:
    """A verdict gets into the scorecard and back."""
    evidence = fit({"claim": "it holds"} | fault.evidence)
    result = CheckResult(id="x", verdict=fault.verdict, message=fault.message, evidence=evidence)
    text = result.model_dump_json()
    assert len(text) < 1 << 19
    assert CheckResult.model_validate_json(text).message == fault.message
