"""The worker's side of the wire: its parent relays whatever either side says, in order and in bounded pieces."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator

import torch
from scripted import Script

from grader import wire

before, path = dict(os.environ), list(sys.path)
from grader.worker import __main__ as worker  # noqa: E402  # which settles in as in a process of its own
from grader.worker import child  # noqa: E402

os.environ.clear()
os.environ.update(before)
sys.path[:] = path
gc.enable()

OUTPUT_BYTES = 4096
PIECE_BYTES = 16384  # what a pipe or socket takes at once, whatever its size is here


class Parent(worker.Parent):
    """A parent without a fork: its child is a socket that the script holds."""

    def __init__(self, source: int, sink: int) -> None:
        super().__init__(source, sink)
        self.theirs: socket.socket | None = None
        self.orders: list[bytes] = []
        self.output_left = OUTPUT_BYTES

    def boot(self, data: bytes) -> None:
        self.orders.append(wire.BOOT)

    def spawn(self, request: object) -> None:
        self.orders.append(wire.SPAWN)
        self.drop()
        self.to_child.clear()
        self.open_log()
        self.sock, self.theirs = socket.socketpair()
        self.sock.setblocking(False)
        self.theirs.setblocking(False)

    def obey(self, kind: bytes, data: bytes) -> None:
        if kind != wire.KILL:
            super().obey(kind, data)
        elif self.sock:
            self.end_child()

    def end_child(self) -> None:
        self.orders.append(wire.KILL)
        self.drop()

    def drop(self) -> None:
        for end in (self.sock, self.theirs):
            if end:
                end.close()
        if self.sock:
            self.close_log()
        self.sock = self.theirs = None

    def close(self) -> None:
        self.drop()
        signal.set_wakeup_fd(-1)  # before another file gets the descriptor's number
        for fd in (self.died_r, self.died_w):
            os.close(fd)


@contextlib.contextmanager
def a_parent() -> Iterator[tuple[Parent, int]]:
    """Give a parent and the judge's end of what it says."""
    up_r, up_w = os.pipe()
    os.set_blocking(up_r, False)
    parent = Parent(-1, up_w)
    try:
        yield parent, up_r
    finally:
        parent.close()
        os.close(up_r)
        os.close(up_w)


def run(data: bytes) -> None:
    script = Script(data)
    if script.byte() & 1:
        relay(script)
    else:
        listen(script)


def relay(script: Script) -> None:
    """What the child says arrives whole and in order, what it prints up to the limit, and what it is told too."""
    heard, said, printed, told, got = wire.ChunkReader(wire.RELAY_BYTES), b"", 0, b"", b""
    with a_parent() as (parent, up):
        parent.spawn(None)
        assert parent.theirs
        up_data = up_log = b""
        while not script.ended:
            act, piece = script.byte() % 3, script.some()[:PIECE_BYTES]
            if act == 0 and piece:
                parent.theirs.sendall(piece)
                said += piece
            elif act == 1 and piece:
                os.write(parent.log_w, piece)
                printed += len(piece)
            else:
                parent.obey(wire.DATA, piece)
                told += piece
            parent.relay_child()
            parent.relay_log()
            with contextlib.suppress(BlockingIOError):
                heard.feed(os.read(up, 1 << 20))
            while (item := heard.next()) is not None:
                assert item[0] in (wire.DATA, wire.LOG)
                if item[0] == wire.DATA:
                    up_data += item[1]
                else:
                    up_log += item[1]
            with contextlib.suppress(BlockingIOError):
                got += parent.theirs.recv(1 << 20)
        assert up_data == said and got == told
        assert len(up_log) == min(printed, OUTPUT_BYTES)


def listen(script: Script) -> None:
    """Bytes from the judge's side are orders, messages or WireError; nothing is allocated for what only is claimed."""
    with a_parent() as (parent, _):
        chunks, messages = wire.ChunkReader(), wire.MessageReader(1 << 20)
        try:
            while not script.ended:
                chunks.feed(script.some())
                while (item := chunks.next()) is not None:
                    kind, body = item
                    if kind == wire.SPAWN:
                        wire.parse_header(body)  # which obey reads as the judge's own
                    parent.obey(kind, body)
                    if kind == wire.DATA:
                        messages.feed(body)
                    while (message := messages.next()) is not None:
                        check(message)
        except wire.WireError:
            pass
        assert len(chunks._buffer) + messages.pending + len(parent.to_child) <= 3 * len(script.data)


def check(message: wire.Message) -> None:
    """A message that came through goes back as it is, by the line that children use."""
    if len(repr(message.header)) > PIECE_BYTES:
        return  # nobody reads while it is sent
    assert all(type(tensor) is torch.Tensor for tensor in message.tensors.values())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        header = {"id": "x", "ok": message.header}
        child.Line(ours, PIECE_BYTES).send(header, message.tensors)
        ours.shutdown(socket.SHUT_WR)
        reader = wire.MessageReader(wire.CHUNK_LIMIT)
        with contextlib.suppress(wire.WireError):  # a level deeper than it came
            while piece := theirs.recv(1 << 20):
                reader.feed(piece)
            back = reader.next()
            assert back is not None and (back.header == header or "too_large" in back.header)
