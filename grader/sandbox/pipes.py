"""A sandbox's standard streams as pipes, with deadlines."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable

from grader.sandbox.base import CHUNK_BYTES, LAST_WORDS_BYTES, Deadline, SandboxGone


class Pipes:
    """Both ends of the stream. What comes on standard error is read along and only its end is kept."""

    def __init__(self, stdin: int, stdout: int, stderr: int, how_it_ended: Callable[[], str]) -> None:
        self._in, self._out, self._err = stdin, stdout, stderr
        self._how_it_ended = how_it_ended
        self._err_open = True
        self.last_words = b""
        for fd in (stdin, stdout, stderr):
            os.set_blocking(fd, False)
            if sys.platform == "linux":
                import fcntl

                with contextlib.suppress(OSError):  # a user's pipes together may have reached their limit
                    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)

    def send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(self._in, select.POLLOUT, deadline, f"{len(left):,} of {len(data):,} bytes were not taken")
            try:
                left = left[os.write(self._in, left[:CHUNK_BYTES]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._gone() from None

    def receive(self, deadline: float) -> bytes:
        while True:
            self._wait(self._out, select.POLLIN, deadline, "nothing came")
            try:
                data = os.read(self._out, CHUNK_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                raise self._gone() from None
            if not data:
                raise self._gone()
            return data

    def _wait(self, fd: int, event: int, deadline: float, what: str) -> None:
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise Deadline(what)
            poll = select.poll()
            poll.register(fd, event)
            if self._err_open:
                poll.register(self._err, select.POLLIN)
            ready = dict(poll.poll(left_s * 1000))
            if self._err in ready:
                self._listen()
            if ready.get(fd, 0) & select.POLLNVAL:
                raise SandboxGone("the sandbox was closed")
            if fd in ready:
                return

    def _listen(self) -> None:
        try:
            data = os.read(self._err, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._err_open = bool(data)
        self.last_words = (self.last_words + data)[-LAST_WORDS_BYTES:]

    def _gone(self) -> SandboxGone:
        while self._err_open:
            poll = select.poll()
            poll.register(self._err, select.POLLIN)
            if not poll.poll(100):
                break
            before = self.last_words
            self._listen()
            if len(before) == LAST_WORDS_BYTES:
                break
        words = self.last_words.decode(errors="replace").strip()
        return SandboxGone(self._how_it_ended() + (f"; its last words: {words}" if words else ""))
