"""The process that has the submission: imports one part of it and answers one request at a time.

Untrusted from the moment the submission is imported; it sends answers, never verdicts.
"""

import functools
import gc
import importlib.util
import linecache
import os
import random
import socket
import sys
import traceback
import types
from pathlib import Path
from typing import Any

import numpy
import torch
import torch.nn.functional as F

from grader import wire
from grader.worker import gpt, matmul, scan, tests
from grader.worker.plain import Unfit, fit

TEXT_LIMIT = 4096
FRAMES_LIMIT = 12
PARTS: dict[str, Any] = {
    "minigpt": gpt.Server,
    "matmul": matmul.Server,
    "scan": scan.Server,
    "tests": tests.Server,
}


def cast_float_masks() -> None:
    """Give scaled_dot_product_attention a float mask in the query's dtype.

    torch 2.13 on CPU is silently wrong for float64 queries with a float32 mask; a model that builds its mask in the
    default dtype is right, and must not lose a point for that.
    """
    original = F.scaled_dot_product_attention

    def cast_mask(query: Any, key: Any, value: Any, attn_mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        given = (query, key, value, attn_mask)
        if torch.overrides.has_torch_function(given):  # such as torch.nn.attention.bias, which looks for this function
            return torch.overrides.handle_torch_function(attention, given, *given, *args, **kwargs)
        if attn_mask is not None and attn_mask.is_floating_point() and attn_mask.dtype != query.dtype:
            attn_mask = attn_mask.to(query.dtype)
        return original(query, key, value, attn_mask, *args, **kwargs)

    # As a function of torch's own module, since torch.compile imports the module that a function it inlines is from,
    # and as the operator that torch.jit.script knows by this name.
    code, defaults, closure = cast_mask.__code__, cast_mask.__defaults__, cast_mask.__closure__
    attention: Any = types.FunctionType(code, vars(F), original.__name__, defaults, closure)
    functools.update_wrapper(attention, original)
    torch.jit._builtins._register_builtin(attention, "aten::scaled_dot_product_attention")
    F.scaled_dot_product_attention = attention


@functools.cache
def warm_up_tests() -> None:
    """Import, in the parent and once, what every run of the candidate's tests would import anew."""
    gc.disable()  # nothing that an import makes is garbage
    import pytest  # noqa: F401
    from _pytest.config import default_plugins

    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    import torch.fx.experimental.symbolic_shapes  # which torch.autograd.grad and gradcheck want

    torch.testing.assert_close(torch.zeros(1), torch.zeros(1))  # which imports some more
    gc.enable()
    gc.freeze()


class Line:
    """The judge's end of the socket, as messages."""

    def __init__(self, sock: socket.socket, reply_bytes: int) -> None:
        self.sock = sock
        self.reply_bytes = reply_bytes
        self.reader = wire.MessageReader(wire.CHUNK_LIMIT)

    def receive(self) -> wire.Message:
        while (message := self.reader.next()) is None:
            data = self.sock.recv(1 << 20)
            if not data:
                os._exit(0)
            self.reader.feed(data)
        return message

    def send(self, header: dict[str, Any], tensors: dict[str, Any] | None = None) -> None:
        tensors = tensors or {}
        size = sum(t.numel() * t.element_size() for t in tensors.values())
        if size > self.reply_bytes:
            header, tensors = {"id": header["id"], "too_large": size}, {}
        self.sock.sendall(wire.pack(wire.Message(header, tensors)))


def main(sock: socket.socket, part: str, folder: Path, reply_bytes: int) -> None:
    """Serve requests for one part until the judge hangs up; never returns."""
    os.chdir("/tmp")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # what a crash follows is told, too
    line = Line(sock, reply_bytes)
    hide_grader(folder)
    server: Any = None
    while True:
        request = line.receive()
        call_id, op = request.header["id"], request.header["op"]
        call_back = functools.partial(ask_judge, line, call_id)
        try:
            if op == "import":
                # The candidate's tests import what they need themselves.
                server = PARTS[part](None if part == "tests" else load(part, folder))
                answer: dict[str, Any] = {}
                tensors: dict[str, Any] = {}
            else:
                seed(request.header["seed"])
                torch.set_grad_enabled(True)  # whatever an import left
                answer, tensors = getattr(server, "do_" + op)(request.header["args"], request.tensors, call_back)
            reply = {"id": call_id, "ok": answer}
        except Unfit as unfit:
            reply, tensors = {"id": call_id, "unfit": fit(str(unfit), TEXT_LIMIT)}, {}
        except BaseException as error:
            reply, tensors = {"id": call_id, "error": describe(error, folder)}, {}
        line.send(reply, tensors)


def load(part: str, folder: Path) -> types.ModuleType:
    """Import the file that was handed in as this part, and nothing else of its name."""
    spec = importlib.util.spec_from_file_location(part, folder / f"{part}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[part] = module
    spec.loader.exec_module(module)
    return module


def ask_judge(line: Line, call_id: str, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Let the judge combine two slices of a scan."""
    line.send({"id": call_id, "combine": True}, {"left": left, "right": right})
    reply = line.receive()
    if "refused" in reply.header:
        raise Unfit(reply.header["refused"])
    return reply.tensors["out"]


def seed(value: int) -> None:
    random.seed(value)
    numpy.random.seed(value % 2**32)
    # torch.manual_seed looks for devices each time, which takes longer than a call.
    torch.default_generator.manual_seed(value)


def hide_grader(folder: Path) -> None:
    """Leave no module of ours under a name that a submission's helper might have."""
    for name in [n for n in sys.modules if n == "grader" or n.startswith("grader.")]:
        del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    wall = str(Path(__file__).resolve().parents[2])
    sys.path[:] = [entry for entry in sys.path if entry not in ("", wall)] + [str(folder)]
    sys.argv = [""]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()


def describe(error: BaseException, folder: Path) -> dict[str, Any]:
    """Give an exception as plain bounded text, with the frames that lie in the submission."""
    try:
        text = str(error)
    except BaseException:
        text = "(the exception has no text)"
    frames: list[dict[str, Any]] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        path = frame.f_code.co_filename
        if path.startswith(str(folder)):
            number = number or 0  # None where the code has no lines
            source = linecache.getline(path, number).strip()
            name = path[len(str(folder)) + 1 :]
            frames.append({"file": name, "line": number, "name": frame.f_code.co_name, "text": source})
    if isinstance(error, SyntaxError) and str(error.filename).startswith(str(folder)):
        name = str(error.filename)[len(str(folder)) + 1 :]
        frames.append({"file": name, "line": error.lineno or 0, "name": "", "text": (error.text or "").strip()})
        text = error.msg
    memory = isinstance(error, MemoryError) or "can't allocate memory" in text
    kind = type(error).__name__[:100]
    is_value_error = isinstance(error, ValueError)
    for last in frames[-FRAMES_LIMIT:]:
        last |= {key: fit(last[key], most) for key, most in (("file", 1024), ("name", 100), ("text", 200))}
    return {
        "type": kind,
        "message": fit(text, TEXT_LIMIT),
        "frames": frames[-FRAMES_LIMIT:],
        "memory": memory,
        "value_error": is_value_error,
    }
