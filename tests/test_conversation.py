"""Judge and worker over many calls: whatever the worker does, now or between calls, the next fresh process is clean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from grader import candidate as judge
from grader import wire
from grader.candidate import PART_OF_SECTION, Candidate, CandidateFault
from grader.errors import HarnessError
from grader.models import Limits, Verdict
from grader.sandbox.base import Deadline, SandboxGone, Usage

LIMITS = Limits(call_s=1, part_s=8, reply_mib=0.1, output_kib=4)
ERROR = {"type": "ValueError", "message": "no", "frames": [], "memory": False, "value_error": True}


class Clock:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def packed(**header: Any) -> bytes:
    return wire.pack(wire.Message(header))


def data(body: bytes) -> bytes:
    return wire.chunk(wire.DATA, body)


EXIT = wire.chunk(wire.EXIT, b'{"code": 0}')
# What a child (or a parent that it took over) sends instead of an answer, made of the right answer and an older one.
ANSWERS = {
    "double": lambda right, old: data(right) * 2,
    "double in one chunk": lambda right, old: data(right * 2),
    "early": lambda right, old: data(right + packed(id="0" * 16, ok={"n": -1})),
    "replay": lambda right, old: data(old),
    "replay before": lambda right, old: data(old + right),
    "replay after": lambda right, old: data(right + old),
    "wrong id": lambda right, old: data(packed(id="0" * 16, ok={"n": -1})),
    "cut": lambda right, old: data(right[:-1]),
    "cut, then exit": lambda right, old: data(right[:-1]) + EXIT,
    "chunk cut": lambda right, old: data(right)[:-1],
    "silence": lambda right, old: b"",
    "garbage": lambda right, old: data(b"1 passed in 0.01s"),
    "huge": lambda right, old: data(wire.LENGTHS.pack(2, 2**63)),
    "huge chunk": lambda right, old: wire.CHUNK.pack(wire.DATA, 2**32 - 1),
    "two outcomes": lambda right, old: data(right.replace(b'"ok": ', b'"ko": ')),
    "unasked": lambda right, old: data(packed(id=wire.parse_header(right[12:])["id"], combine=True)),
    "forged exit": lambda right, old: EXIT,
    "exit, then answer": lambda right, old: EXIT + data(right),
    "answer, then exit": lambda right, old: data(right) + EXIT,
    "odd exit": lambda right, old: wire.chunk(wire.EXIT, b'{"code": true}'),
    "forged ready": lambda right, old: wire.chunk(wire.READY),
    "ready, then exit": lambda right, old: wire.chunk(wire.READY) + EXIT + wire.chunk(wire.READY),
    "unknown kind": lambda right, old: wire.chunk(b"?", b"x"),
    "flood of logs": lambda right, old: wire.chunk(wire.LOG, b"x" * 3000) * 5 + data(right),
    "flood of empty chunks": lambda right, old: (data(b"") + wire.chunk(wire.LOG)) * 300 + data(right),
}


class Room:
    """A sandbox whose parent obeys; what its child says is up to the test."""

    best_effort = ()
    image = None
    runtime = None

    def __init__(self, world: Conversation) -> None:
        self.world = world
        self.out = bytearray()
        self.chunks, self.requests = wire.ChunkReader(), wire.MessageReader(1 << 20)
        self.child = self.dead = self.closed = False

    def send(self, sent: bytes, deadline: float) -> None:
        if self.dead or self.closed:
            raise SandboxGone("dead")
        self.chunks.feed(sent)
        while (item := self.chunks.next()) is not None:
            self.obey(*item)

    def obey(self, kind: bytes, body: bytes) -> None:
        if kind == wire.BOOT:
            head = json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])
            self.out += wire.chunk(wire.READY, json.dumps({"nonce": head["nonce"], "torch": "x"}).encode())
        elif kind == wire.SPAWN:
            if self.world.spawns_fail:
                self.world.spawns_fail -= 1
                self.dead = True
                return
            self.child = True
            self.requests = wire.MessageReader(1 << 20)
            self.out += wire.chunk(wire.READY, json.loads(body)["nonce"].encode())
        elif kind == wire.KILL and self.child:
            self.child = False
            self.out += EXIT
        elif kind == wire.DATA and self.child:
            self.requests.feed(body)
            while (request := self.requests.next()) is not None:
                self.out += self.world.answer(request.header)

    def receive(self, deadline: float) -> bytes:
        if self.dead or self.closed:
            raise SandboxGone("dead")
        self.world.clock.now += 0.01
        if not self.out:
            self.world.clock.now = max(self.world.clock.now, deadline)
            raise Deadline("nothing came")
        piece, self.out = bytes(self.out[:700]), self.out[700:]
        return piece

    def usage(self) -> Usage:
        return Usage(None, None)

    def close(self) -> None:
        self.closed = True


class Conversation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(judge, "time", self.clock)
        self.rooms: list[Room] = []
        self.said = [packed(id="f" * 16, ok={"n": -2})]  # what was ever answered, to be replayed
        self.asked = 0
        self.manner = self.manner_of_import = ""
        self.spawns_fail = 0
        self.spoilt = False  # something was done to the process that answers next
        files = {"minigpt.py": b"", "matmul.py": b"", "scan.py": b""}
        self.candidate = Candidate(files, {}, LIMITS, self.open_room)
        self.budgets = dict(self.candidate._left)

    def open_room(self) -> Room:
        assert all(room.closed for room in self.rooms), "a sandbox was left running"
        self.rooms.append(Room(self))
        return self.rooms[-1]

    def answer(self, request: dict[str, Any]) -> bytes:
        """Say what the child does about a request."""
        imports = request["op"] == "import"
        manner = self.manner_of_import if imports else self.manner
        right = (
            packed(id=request["id"], error=ERROR)
            if manner == "raise"
            else packed(id=request["id"], ok={"n": request["args"].get("n")})
        )
        old = self.said[len(self.said) // 2]
        self.said.append(right)
        return data(right) if manner in ("", "raise") else ANSWERS[manner](right, old)

    def ask(self, section: str, may_raise: bool = False) -> None:
        """Call once, and judge what the judge made of it."""
        candidate, part = self.candidate, PART_OF_SECTION[section]
        self.asked += 1
        fresh = section != candidate._section or not candidate._alive
        honest = not self.manner and (not self.manner_of_import or not fresh) and (fresh or not self.spoilt)
        known = part in candidate._import_fault
        lost = bool(self.rooms) and self.rooms[-1].dead and not self.rooms[-1].closed
        starts = self.spawns_fail + lost < 2
        candidate.enter(section)
        try:
            answer, _ = candidate.call("do", {"n": self.asked}, may_raise=may_raise)
        except CandidateFault as fault:
            spent = candidate._left[part] <= 0.5
            remembered = known and fresh
            assert not honest or spent or remembered, f"an honest process was given {fault.verdict}: {fault}"
            assert fault.verdict not in (Verdict.accepted, Verdict.harness_error)
            self.spoilt = True
        except HarnessError:
            assert fresh and not starts, "the harness is at fault only where two sandboxes in a row start nothing"
            self.spoilt = True
        else:
            assert answer == {"n": self.asked}, "an answer to another request was taken for this one"
            self.spoilt = bool(self.manner or (fresh and self.manner_of_import))
        if not candidate._alive:
            self.spoilt = False  # the next is a fresh one
        self.manner = self.manner_of_import = ""

    sections = st.sampled_from(["gpt", "cache", "matmul", "scan"])

    @rule(section=sections)
    def call(self, section: str) -> None:
        self.ask(section)

    @rule(section=sections, manner=st.sampled_from(sorted(ANSWERS)))
    def call_and_be_answered_otherwise(self, section: str, manner: str) -> None:
        self.manner = manner
        self.ask(section)

    @rule(section=sections, may_raise=st.booleans())
    def call_and_raise(self, section: str, may_raise: bool) -> None:
        self.manner = "raise"
        self.ask(section, may_raise)
        if self.candidate._alive:
            self.spoilt = False  # an ordinary exception that the check allows

    @rule(section=sections, manner=st.sampled_from([*sorted(ANSWERS), "raise"]))
    def call_where_the_import_goes_wrong(self, section: str, manner: str) -> None:
        self.manner_of_import = manner
        self.ask(section)

    @rule(section=sections, times=st.integers(1, 2))
    def call_where_no_process_starts(self, section: str, times: int) -> None:
        self.spawns_fail = times
        self.ask(section)
        self.spawns_fail = 0

    @rule(manner=st.sampled_from(sorted(ANSWERS)), section=sections)
    def say_something_between_calls(self, manner: str, section: str) -> None:
        if self.rooms and self.rooms[-1].child:
            self.rooms[-1].out += ANSWERS[manner](self.said[-1], self.said[0])
            self.spoilt = True

    @rule()
    def exit_between_calls(self) -> None:
        if self.rooms and self.rooms[-1].child:
            self.rooms[-1].child = False
            self.rooms[-1].out += EXIT
            self.spoilt = True

    @rule()
    def lose_the_sandbox(self) -> None:
        if self.rooms:
            self.rooms[-1].dead = True
            self.spoilt = True

    @invariant()
    def budgets_never_rise(self) -> None:
        assert all(self.candidate._left[part] <= left for part, left in self.budgets.items())
        self.budgets = dict(self.candidate._left)

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        assert len(self.candidate.output) <= LIMITS.output_kib << 10
        assert self.candidate._messages.pending <= 2 << 20

    def teardown(self) -> None:
        self.candidate.close()
        assert all(room.closed for room in self.rooms), "a sandbox was left running"
        self.patch.undo()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
