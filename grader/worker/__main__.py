"""The worker's parent: imports torch once, never a submission, and forks a child for each section.

It relays bytes between the judge and the child, reports how a child ended, keeps the submission's output within its
limit, and kills what a child leaves behind. It is the sandbox's first process: no signal from inside ends or stops it,
and orphans become its own. Nothing it says counts as a verdict.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", HOME="/tmp", TORCHINDUCTOR_CACHE_DIR="/tmp")
WALL = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(WALL)]

gc.disable()  # nothing that an import makes is garbage

import torch  # noqa: E402

from grader import wire  # noqa: E402
from grader.worker import child  # noqa: E402

SUBMISSION = Path("/submission")
SCRATCH = {Path("/tmp"): 0o1777, Path("/dev/shm"): 0o1777, SUBMISSION: 0o755}  # where a child can write, and its mode
EMPTIED_WITHIN_S = 3.0  # what takes longer ends with the whole sandbox
PR_SET_DUMPABLE = 4
SIGNALS = 256


def set_dumpable(on: bool) -> None:
    """Decide whether another process of this uid may trace us or open our memory and descriptors."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, int(on), 0, 0, 0)


def empty(folder: Path, mode: int, until: float) -> None:
    """Take away all that is in a folder, whatever its modes and however deep. Raises OSError, TimeoutError."""
    if folder.stat().st_uid == os.getuid():
        folder.chmod(mode)
        os.utime(folder, (0, 0))
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    prefix, moved = os.urandom(8).hex(), 0
    while entries := list(os.scandir(root)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=root)
                continue
            os.chmod(entry.name, 0o700, dir_fd=root)
            inside = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
            for below in list(os.scandir(inside)):
                if time.monotonic() > until:
                    raise TimeoutError(f"{folder} cannot be emptied in time")
                if below.is_dir(follow_symlinks=False):  # up to the root, where its turn comes: no path, no stack grows
                    moved += 1
                    os.chmod(below.name, 0o700, dir_fd=inside)
                    os.rename(below.name, f"{prefix}-{moved}", src_dir_fd=inside, dst_dir_fd=root)
                else:
                    os.unlink(below.name, dir_fd=inside)
            os.close(inside)
            os.rmdir(entry.name, dir_fd=root)
        if time.monotonic() > until:
            raise TimeoutError(f"{folder} cannot be emptied in time")
    os.close(root)


class Parent:
    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink = source, sink
        self.chunks = wire.ChunkReader()
        self.files: dict[str, bytes] = {}
        self.limits: dict[str, int] = {}
        self.output_left = 0
        self.pid = 0
        self.pidfd = -1
        self.sock: socket.socket | None = None
        self.to_child = bytearray()
        self.log_r = self.log_w = -1  # of the child's output
        self.died_r, self.died_w = os.pipe()  # a byte for each process that ended, so that orphans are reaped
        for fd in (self.died_r, self.died_w):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.died_w, warn_on_full_buffer=False)

    def send(self, kind: bytes, data: bytes = b"") -> None:
        view = memoryview(wire.chunk(kind, data))
        while view:
            view = view[os.write(self.sink, view) :]

    def run(self) -> None:
        while True:
            poll = select.poll()
            poll.register(self.source, select.POLLIN)
            poll.register(self.died_r, select.POLLIN)
            if self.sock:
                poll.register(self.log_r, select.POLLIN)
                poll.register(self.sock, select.POLLIN | (select.POLLOUT if self.to_child else 0))
                poll.register(self.pidfd, select.POLLIN)
            ready = {fd for fd, _ in poll.poll()}
            if self.died_r in ready:
                os.read(self.died_r, 1 << 16)
                self.reap_orphans()
            if self.log_r in ready:
                self.relay_log()
            if self.sock and self.sock.fileno() in ready:
                self.relay_child()
            if self.sock and self.pidfd in ready:
                self.end_child()
            if self.source in ready:
                data = os.read(self.source, 1 << 20)
                if not data:
                    return
                self.chunks.feed(data)
                while (item := self.chunks.next()) is not None:
                    self.obey(*item)

    def obey(self, kind: bytes, data: bytes) -> None:
        if kind == wire.DATA:
            if self.sock:
                self.to_child += data
        elif kind == wire.SPAWN:
            self.spawn(json.loads(data))
        elif kind == wire.KILL:
            if self.sock:
                os.kill(self.pid, signal.SIGKILL)
                self.end_child()
        elif kind == wire.BOOT:
            self.boot(data)
        elif kind == wire.WARM:
            child.warm_up_tests()

    def boot(self, data: bytes) -> None:
        size = int.from_bytes(data[:4], "big")
        header = json.loads(data[4 : 4 + size])
        self.limits = header["limits"]
        self.output_left = self.limits["output_bytes"]
        at = 4 + size
        for path, length in header["files"]:
            self.files[path] = data[at : at + length]
            at += length
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (SIGNALS, SIGNALS))  # the kernel counts them by user
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.limits["file_bytes"],) * 2)
        self.send(wire.READY, json.dumps({"nonce": header["nonce"], "torch": torch.__version__}).encode())

    def spawn(self, request: dict[str, Any]) -> None:
        """Lay the submission anew and fork a child for one section."""
        self.lay_files({path: text.encode() for path, text in request["files"].items()})
        if request["part"] == "tests":
            child.warm_up_tests()
        # All that a child gets is its own and goes with it: locks on a pipe, or the place in a file, would stay.
        ours, theirs = socket.socketpair()
        self.open_log()
        self.to_child.clear()
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for fd in (self.source, self.sink, self.log_r, self.died_r, self.died_w):
                    os.close(fd)
                null = os.open(os.devnull, os.O_RDONLY)
                os.dup2(null, 0)
                os.dup2(self.log_w, 1)
                os.dup2(self.log_w, 2)
                os.close(null)
                os.close(self.log_w)
                os.setsid()
                resource.setrlimit(resource.RLIMIT_DATA, (self.limits["memory_bytes"],) * 2)
                set_dumpable(True)
                child.main(theirs, request["part"], SUBMISSION, self.limits["reply_bytes"])
            finally:
                os._exit(70)
        theirs.close()
        ours.setblocking(False)
        self.pid, self.sock = pid, ours
        self.pidfd = os.pidfd_open(pid)
        self.send(wire.READY, request["nonce"].encode())

    def lay_files(self, solution: dict[str, bytes]) -> None:
        """Put a fresh copy of the submission in place, a solution over it; what another section wrote is gone."""
        until = time.monotonic() + EMPTIED_WITHIN_S
        for folder, mode in SCRATCH.items():
            if folder.is_dir():
                empty(folder, mode, until)
        SUBMISSION.chmod(0o755)
        for path, data in {**self.files, **solution}.items():
            target = SUBMISSION / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(0o444)
        for root, _, _ in os.walk(SUBMISSION, topdown=False):
            Path(root).chmod(0o555)

    def relay_child(self) -> None:
        assert self.sock
        try:
            data = self.sock.recv(wire.RELAY_BYTES)
            if data:
                self.send(wire.DATA, data)
        except BlockingIOError:
            pass
        except OSError:
            return
        if self.to_child:
            try:
                sent = self.sock.send(memoryview(self.to_child)[: 1 << 20])
                del self.to_child[:sent]
            except BlockingIOError:
                pass
            except OSError:
                self.to_child.clear()

    def open_log(self) -> None:
        self.log_r, self.log_w = os.pipe()  # ours to write as well, so that it does not end before the child
        os.set_blocking(self.log_r, False)

    def close_log(self) -> None:
        os.close(self.log_r)
        os.close(self.log_w)

    def relay_log(self) -> bool:
        """Pass on some of the child's output, if there is any."""
        try:
            data = os.read(self.log_r, wire.RELAY_BYTES)
        except BlockingIOError:
            return False
        kept = data[: self.output_left]
        if kept:
            self.output_left -= len(kept)
            self.send(wire.LOG, kept)
        return True

    def end_child(self) -> None:
        """Kill whatever the child left, pass on its last bytes, and say how it ended."""
        assert self.sock
        _, status = os.waitpid(self.pid, 0)
        try:
            os.kill(-1, signal.SIGKILL)  # all of this sandbox but ourselves
        except ProcessLookupError:
            pass
        self.reap()
        try:
            # What grandchildren held open is dead, so the stream ends; at most what fits its buffer is left.
            while data := self.sock.recv(wire.RELAY_BYTES):
                self.send(wire.DATA, data)
        except OSError:
            pass
        while self.relay_log():
            pass
        self.sock.close()
        os.close(self.pidfd)
        self.close_log()
        self.sock, self.pidfd = None, -1
        how = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"code": os.WEXITSTATUS(status)}
        self.send(wire.EXIT, json.dumps(how).encode())

    def reap_orphans(self) -> None:
        """Reap what ended, but for the child itself, whose end is to be told."""
        try:
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != self.pid:
                os.waitpid(ended.si_pid, 0)
        except ChildProcessError:
            pass

    def reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def main() -> None:
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_dumpable(False)
    torch.set_num_threads(1)  # but not between operators: that can be set once, and a submission may
    child.cast_float_masks()
    gc.enable()
    gc.freeze()
    Parent(source, sink).run()


if __name__ == "__main__":
    main()
