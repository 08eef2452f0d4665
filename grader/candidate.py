"""The submission as the checks see it: a remote model whose every call is one request and one reply."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from grader import wire
from grader.errors import HarnessError, SandboxLost
from grader.models import Evidence, Limits, Verdict
from grader.sandbox.base import Deadline, Room, SandboxGone, Usage

Part = Literal["minigpt", "matmul", "scan", "tests"]
PART_OF_SECTION: dict[str, Part] = {
    "gpt": "minigpt",
    "cache": "minigpt",
    "matmul": "matmul",
    "scan": "scan",
    "verify": "tests",
}
STOP_S = 3.0
SPAWN_S = 10.0
MESSAGE_CHARS = 4096
AXES = 16  # of a tensor in a reply
FAULTS = 50  # of a reply's form, that are looked at
SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
# What an operation calls, where that has another name; `import` is that of every part.
CALLS: dict[Part, dict[str, str]] = {
    "minigpt": {
        "build": "building the model", "load": "load_state_dict", "cast": "casting the model",
        "decay": "changing the weights", "graph": "generate", "trace": "forward",
        "cache": "iterating over the cache", "drop": "dropping the cache", "before": "an earlier answer",
    },
    "matmul": {
        "apply": "MatMul.apply", "again": "a second backward", "undefined": "backward without an upstream gradient",
        "square": "MatMul.apply on one tensor twice", "nudged": "MatMul.apply after an operand changed",
        "double": "double backward", "saved": "MatMul.apply", "changed": "MatMul.apply", "work": "backward",
        "put": "the operands", "run": "MatMul.apply", "fetch": "the results",
    },
    "scan": {"inclusive": "inclusive_scan", "tiled": "tiled_prefix_matmul", "before": "an earlier answer"},
    "tests": {"run": "the tests"},
}  # fmt: skip
Combine = Callable[[Tensor, Tensor], Tensor]
# What comparisons are defined for; torch knows more (float8, complex, large unsigned), and computes less with them.
DTYPES = frozenset({
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
})  # fmt: skip


class CandidateFault(Exception):
    """The submission did wrong: a verdict with its message and evidence, never an error of ours."""

    def __init__(self, verdict: Verdict, message: str, evidence: Evidence | None = None) -> None:
        super().__init__(message[:MESSAGE_CHARS])
        self.verdict = verdict
        self.message = message[:MESSAGE_CHARS]
        self.evidence: Evidence = evidence or {}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Frame(_Strict):
    file: Annotated[str, Field(max_length=1024)]
    line: Annotated[int, Field(ge=0, lt=2**31)]
    name: Annotated[str, Field(max_length=100)]
    text: Annotated[str, Field(max_length=200)]


class _Error(_Strict):
    type: Annotated[str, Field(max_length=100)]
    message: Annotated[str, Field(max_length=MESSAGE_CHARS)]
    frames: Annotated[list[_Frame], Field(max_length=12)]
    memory: bool
    value_error: bool


class _Reply(_Strict):
    id: str
    ok: dict[str, Any] | None = None
    error: _Error | None = None
    unfit: str | None = None
    too_large: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    combine: Literal[True] | None = None


class RaisedError(CandidateFault):
    """A call raised an ordinary exception in the submission."""

    def __init__(self, what: str, error: _Error, memory_limit: str = "") -> None:
        place = f" at {error.frames[-1].file}:{error.frames[-1].line}" if error.frames else ""
        verdict = Verdict.memory_limit if error.memory else Verdict.runtime_error
        trace = "\n".join(f"{f.file}:{f.line} in {f.name or '?'}: {f.text}" for f in error.frames)
        evidence: Evidence = {"type": error.type, "message": error.message[:2000], "traceback": trace}
        if error.frames:
            evidence |= {"file": error.frames[-1].file, "line": error.frames[-1].line}
        said = error.message[:300] or (memory_limit if error.memory else "")
        message = f"{what} raised {error.type}{place}{f': {said}' if said else ''}"
        super().__init__(verdict, message, {"error": evidence})
        self.is_value_error = error.value_error


@dataclass(frozen=True)
class PassedOver:
    """A fault that a check met and did not judge, since these criteria do."""

    fault: CandidateFault
    criteria: tuple[str, ...]


class Candidate:
    """Owns the sandbox of one submission and speaks with the worker in it.

    Every method may raise CandidateFault; HarnessError only where the fault is ours.
    """

    def __init__(
        self, files: Mapping[str, bytes], refused: Mapping[str, str], limits: Limits, open_room: Callable[[], Room]
    ) -> None:
        self.files = dict(files)
        self.refused = dict(refused)
        self.limits = limits
        self.open_room = open_room
        self.room: Room | None = None
        self.output = bytearray()
        self.best_effort: tuple[str, ...] = ()
        self.image: str | None = None
        self.runtime: str | None = None
        self.worker_torch = ""
        self.seed = 0  # sent with each call, for what the submission draws at random
        self.passed_over: list[PassedOver] = []  # by the check at work
        self._section = ""
        self._alive = False
        self._running = False  # a child was started, and its end not told
        self._exit: dict[str, Any] | None = None
        self._chunks = wire.ChunkReader(wire.RELAY_BYTES)
        self._messages = self._new_reader()
        self._left: dict[Part, float] = dict.fromkeys(PART_OF_SECTION.values(), limits.part_s)
        self._import_fault: dict[Part, CandidateFault] = {}
        self._solution: dict[str, str] = {}
        self._siblings: list[Candidate] = []
        self._spare: Room | None = None
        self._closed = False

    @property
    def has_tests(self) -> bool:
        """Whether the submission brings tests of its own."""
        return any(fnmatch.fnmatch(path, "tests/test_*.py") for path in self.files)

    # --- life of the sandbox ----------------------------------------------------------------------------------------

    def boot(self, room: Room) -> None:
        """Hand the submission over to a sandbox and wait until the worker's parent is ready. Raises HarnessError."""
        self.room = room
        self.best_effort, self.image, self.runtime = room.best_effort, room.image, room.runtime
        self._chunks = wire.ChunkReader(wire.RELAY_BYTES)
        self._alive = self._running = False
        nonce = secrets.token_hex(8)
        limits = {
            "output_bytes": self.limits.output_kib << 10,
            "file_bytes": self.limits.tmp_mib << 20,
            "memory_bytes": self.limits.memory_mib << 20,
            "reply_bytes": int(self.limits.reply_mib * (1 << 20)),
        }
        head = {"nonce": nonce, "limits": limits, "files": [[p, len(d)] for p, d in self.files.items()]}
        header = json.dumps(head).encode()
        body = len(header).to_bytes(4, "big") + header + b"".join(self.files.values())
        deadline = time.monotonic() + self.limits.start_s
        try:
            if self._closed:  # while the sandbox was starting
                raise SandboxGone("it was closed")
            self.room.send(wire.chunk(wire.BOOT, body), deadline)
            kind, data = self._next_chunk(deadline)
            ready = wire.parse_header(data) if kind == wire.READY else {}
        except (Deadline, SandboxGone, wire.WireError) as error:
            self.leave()
            raise SandboxLost(f"the sandbox did not start within {self.limits.start_s:g} s: {error}") from error
        if ready.get("nonce") != nonce:
            self.leave()
            raise HarnessError("the worker did not answer the judge's nonce")
        self.worker_torch = str(ready.get("torch"))[:100]

    def enter(self, section: str, solution: Mapping[str, str] | None = None) -> None:
        """Make sure that what follows runs in a fresh process if the section changed or a fault went before.

        A solution (path to text) is laid over the submission's files, always for a fresh process.
        """
        if section != self._section or not self._alive or solution is not None:
            self._stop_child()
            self._section = section
            self._solution = dict(solution or {})

    def sibling(self, files: Mapping[str, bytes], **limits: float) -> Candidate:
        """Make a candidate with other files and limits, in a sandbox of its own that ends with ours at the latest."""
        other = Candidate(files, {}, self.limits.model_copy(update=limits), self._take_spare)
        self._siblings.append(other)
        return other

    def start_spare(self) -> None:
        """Start a sandbox for the tests to come, with nothing of the submission in it yet: it imports what they need
        while others are at work. Raises HarnessError."""
        self._spare = self.open_room()
        with contextlib.suppress(Deadline, SandboxGone):  # said again when it is needed
            self._spare.send(wire.chunk(wire.WARM), time.monotonic() + SPAWN_S)

    def _take_spare(self) -> Room:
        room, self._spare = self._spare, None
        return room or self.open_room()

    def close(self) -> None:
        """End the sandbox for good; another thread's call in it ends with HarnessError."""
        self._closed = True
        for sibling in self._siblings:
            sibling.close()
        if self._spare:
            self._spare.close()
        self.leave()

    def leave(self) -> None:
        """Take the sandbox down; the next call starts another."""
        if self.room:
            self.room.close()
            self.room = None
        self._alive = self._running = False

    def _spawn(self, part: Part) -> None:
        if self._closed:
            raise HarnessError("the sandbox was closed while a check was running")
        if self.room is None:
            self.boot(self.open_room())
        assert self.room
        self._running = True
        deadline = time.monotonic() + SPAWN_S
        nonce = secrets.token_hex(8)
        request = {"part": part, "files": self._solution, "nonce": nonce}
        self.room.send(wire.chunk(wire.SPAWN, json.dumps(request).encode()), deadline)
        while True:
            kind, data = self._next_chunk(deadline)
            if kind == wire.READY and data == nonce.encode():  # and no other that an earlier child left on the way
                break
            self._note(kind, data, keep=False)
        # Whatever an earlier child said last is behind us.
        self._messages = self._new_reader()
        self._exit = None
        self._alive = self._running = True

    def _stop_child(self) -> None:
        """End the child, through its parent if that still obeys, else with the whole sandbox."""
        if self.room is not None and self._running:
            deadline = time.monotonic() + STOP_S
            try:
                self.room.send(wire.chunk(wire.KILL), deadline)
                while self._running:
                    kind, data = self._next_chunk(deadline)
                    self._note(kind, data, keep=False)
            except (Deadline, SandboxGone, wire.WireError):
                self.leave()
        self._alive = False

    # --- one call ---------------------------------------------------------------------------------------------------

    def call(
        self,
        op: str,
        args: Mapping[str, Any] | None = None,
        tensors: Mapping[str, Tensor] | None = None,
        *,
        combine: Combine | None = None,
        may_raise: bool = False,
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Ask the worker one thing; may_raise says that an exception is no fault yet. Raises CandidateFault."""
        part = PART_OF_SECTION[self._section]
        self._need(part)
        if not self._alive:
            self._import(part)
        try:
            return self._exchange(part, op, dict(args or {}), dict(tensors or {}), combine)
        except RaisedError:
            self._alive = may_raise
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the process of the section still answers; what it held is gone where it does not."""
        return self._alive

    def pass_over(self, fault: CandidateFault, *criteria: str) -> None:
        """Leave a fault to the criteria that judge it; where all of these hold, it counts where it was met."""
        self.passed_over.append(PassedOver(fault, criteria))

    def cpu_s(self) -> float | None:
        """CPU time of everything in the sandbox so far, where the host can tell."""
        return self.room.usage().cpu_s if self.room else None

    def _need(self, part: Part) -> None:
        name = f"{part}.py"
        if part == "tests" or name in self.files:
            return
        if name in self.refused:
            raise CandidateFault(Verdict.missing, f"{name} did not come in: {self.refused[name]}")
        elsewhere = next((path for path in self.files if path.endswith(f"/{name}")), None)
        there = f"; there is one at {elsewhere}" if elsewhere else ""
        raise CandidateFault(Verdict.missing, f"{name} is not in the submission{there}")

    def _import(self, part: Part) -> None:
        """Fork a child and import the part in it; a fault at import is remembered, not paid for again and again."""
        if part in self._import_fault:
            raise self._import_fault[part]
        started = time.monotonic()  # to clear away what the last one left takes from the part's time as well
        self._stop_child()
        try:
            self._spawn(part)
        except (Deadline, SandboxGone, wire.WireError):
            # The worker's parent is gone or stuck: what the last child did. Go on in a fresh sandbox, once.
            self.leave()
            try:
                self._spawn(part)
            except (Deadline, SandboxGone, wire.WireError) as error:
                self.leave()
                raise SandboxLost(f"a fresh sandbox starts no process for {part}: {error}") from error
        finally:
            self._left[part] -= time.monotonic() - started
        try:
            self._exchange(part, "import", {}, {}, None)
        except CandidateFault as fault:
            self._import_fault[part] = fault
            self._alive = False
            raise

    def _exchange(
        self, part: Part, op: str, args: dict[str, Any], tensors: dict[str, Tensor], combine: Combine | None
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        what = "importing" if op == "import" else CALLS[part].get(op, op)
        call_id = secrets.token_hex(8)
        allowed = min(self.limits.call_s, self._left[part])
        started = time.monotonic()
        deadline = started + allowed
        try:
            if allowed <= 0:
                raise CandidateFault(
                    Verdict.time_limit,
                    f"the calls into {part}.py took {self.limits.part_s:g} s in all; that is the limit (limits.part_s)",
                )
            request = {"id": call_id, "op": op, "args": args, "seed": self.seed}
            self._send(wire.Message(request, tensors), deadline)
            while True:
                message = self._receive(deadline)
                if time.monotonic() > deadline:  # to read what came took the rest of it
                    raise Deadline("the reply came too late")
                reply = self._parse(message, call_id)
                _expect_ordinary(message.tensors)
                if reply.combine:
                    self._answer_combine(call_id, message.tensors, combine, deadline)
                    continue
                return self._result(what, reply, message.tensors)
        except Deadline:
            self._alive = False
            which = "limits.tests_s" if part == "tests" else "limits.call_s, limits.part_s"
            raise CandidateFault(Verdict.time_limit, f"{what} did not end within {allowed:.3g} s ({which})") from None
        except SandboxGone:
            self._alive = False
            raise self._death(what) from None
        except wire.TooLarge as error:
            self._alive = False
            raise CandidateFault(Verdict.output_limit, str(error)) from None
        except wire.WireError as error:
            self._alive = False
            raise CandidateFault(Verdict.protocol_error, f"the reply to {what} is not one: {error}") from None
        except BaseException:
            self._alive = False
            raise
        finally:
            self._left[part] -= time.monotonic() - started

    def _send(self, message: wire.Message, deadline: float) -> None:
        assert self.room
        data = wire.pack(message)
        for at in range(0, len(data), 1 << 20):
            self.room.send(wire.chunk(wire.DATA, data[at : at + (1 << 20)]), deadline)

    def _receive(self, deadline: float) -> wire.Message:
        while (message := self._messages.next()) is None:
            if self._exit is not None:
                raise SandboxGone("the child ended")
            kind, data = self._next_chunk(deadline)
            self._note(kind, data, keep=True)
        return message

    def _next_chunk(self, deadline: float) -> tuple[bytes, bytes]:
        assert self.room
        while (item := self._chunks.next()) is None:
            self._chunks.feed(self.room.receive(deadline))
        return item

    def _note(self, kind: bytes, data: bytes, keep: bool) -> None:
        if kind == wire.DATA:
            if keep:
                self._messages.feed(data)
        elif kind == wire.LOG:
            self.output += data[: max(0, (self.limits.output_kib << 10) - len(self.output))]
        elif kind == wire.EXIT:
            how = wire.parse_header(data)
            if set(how) not in ({"signal"}, {"code"}) or not all(type(n) is int for n in how.values()):
                raise wire.WireError("a child's end that says nothing")
            self._exit = how
            self._running = False
        else:
            raise wire.WireError("a chunk of unknown kind")

    def _parse(self, message: wire.Message, call_id: str) -> _Reply:
        try:
            reply = _Reply.model_validate(message.header)
        except ValidationError as error:
            if error.error_count() > FAULTS:  # of a hundred thousand unknown keys, say: to write them down takes long
                raise wire.WireError(f"{error.error_count():,} fields are not those of a reply") from None
            first = error.errors()[0]
            raise wire.WireError(f"{'.'.join(map(str, first['loc']))[:200]}: {first['msg']}") from None
        if reply.id != call_id:
            raise wire.WireError("it answers another request")
        said = [x is not None for x in (reply.ok, reply.error, reply.unfit, reply.too_large, reply.combine)]
        if sum(said) != 1:
            raise wire.WireError("it has not exactly one of ok, error, unfit, too_large, combine")
        return reply

    def _result(self, what: str, reply: _Reply, tensors: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
        if reply.error is not None:
            raise RaisedError(what, reply.error, self._memory_text("it"))
        if reply.unfit is not None:
            raise CandidateFault(Verdict.wrong_answer, reply.unfit[:2000])
        if reply.too_large is not None:
            limit = self.limits.reply_mib
            raise CandidateFault(
                Verdict.output_limit,
                f"the reply to {what} has {reply.too_large >> 20} MiB; the limit is {limit:g} MiB (limits.reply_mib)",
            )
        assert reply.ok is not None
        return reply.ok, tensors

    def _answer_combine(
        self, call_id: str, tensors: dict[str, Tensor], combine: Combine | None, deadline: float
    ) -> None:
        if combine is None or set(tensors) != {"left", "right"}:
            raise wire.WireError("a call back that nobody asked for")
        try:
            out = combine(tensors["left"], tensors["right"])
        except CandidateFault as fault:
            self._send(wire.Message({"id": call_id, "refused": fault.message}), deadline)
            raise
        self._send(wire.Message({"id": call_id}, {"out": out}), deadline)

    def _death(self, what: str) -> CandidateFault:
        """Say how the child or the whole sandbox ended. Raises SandboxLost where the submission is not why."""
        used = self.room.usage() if self.room else Usage(None, None)
        oom = used.oom_kills
        how = self._exit
        if used.host_kills and (how is None or how.get("signal") == 9):
            raise SandboxLost(
                f"this machine had no memory left and killed the sandbox during {what}, below its own limit of "
                f"{self.limits.memory_mib} MiB; grade with fewer --jobs, or where more memory is free"
            )
        if how is None:
            self.leave()
            if oom:
                return CandidateFault(Verdict.memory_limit, self._memory_text(what))
            return CandidateFault(Verdict.runtime_error, f"the sandbox ended during {what}")
        if "signal" in how:
            number = how["signal"]
            if number == 9 and oom:
                return CandidateFault(Verdict.memory_limit, self._memory_text(what))
            return CandidateFault(
                Verdict.runtime_error,
                f"the process was killed by {SIGNALS.get(number, f'signal {number}')} during {what}",
            )
        return CandidateFault(
            Verdict.runtime_error, f"the process ended itself with exit code {how['code']} during {what}"
        )

    def _memory_text(self, what: str) -> str:
        return f"{what} took more than {self.limits.memory_mib} MiB (limits.memory_mib)"

    def _new_reader(self) -> wire.MessageReader:
        # The worker refuses replies over the limit itself; the slack is for its safetensors header.
        return wire.MessageReader(int(self.limits.reply_mib * (1 << 20)) + (1 << 20))


def _expect_ordinary(tensors: Mapping[str, Tensor]) -> None:
    """Demand tensors that torch computes with: not every operator bears other dtypes, or more than 64 axes."""
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise CandidateFault(Verdict.wrong_answer, f"{name[:80]} has dtype {tensor.dtype}, which nothing asked for")
        if tensor.dim() > AXES:
            raise CandidateFault(Verdict.wrong_answer, f"{name[:80]} has {tensor.dim()} axes, which nothing asked for")


def tensor_of(
    tensors: Mapping[str, Tensor], name: str, what: str, shape: tuple[int, ...], dtype: torch.dtype | None = None
) -> Tensor:
    """Take one tensor out of a reply: its shape must fit, and its dtype (or be floating). Raises CandidateFault."""
    if name not in tensors:
        raise CandidateFault(Verdict.wrong_answer, f"{what} is missing")
    tensor = tensors[name]
    if tuple(tensor.shape) != tuple(shape):
        raise CandidateFault(
            Verdict.wrong_answer,
            f"{what} has shape {list(tensor.shape)}, not {list(shape)}",
            {"expected": list(shape), "actual": list(tensor.shape)},
        )
    if dtype is not None and tensor.dtype != dtype:
        raise CandidateFault(
            Verdict.wrong_answer,
            f"{what} has dtype {tensor.dtype}, not {dtype}",
            {"expected": str(dtype), "actual": str(tensor.dtype)},
        )
    if dtype is None and not tensor.dtype.is_floating_point:
        raise CandidateFault(Verdict.wrong_answer, f"{what} has dtype {tensor.dtype}, not a floating one")
    return tensor
