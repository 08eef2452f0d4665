"""The sandbox in a container, of any engine that speaks Docker's API."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from grader.errors import HarnessError, SandboxLost, UsageError
from grader.models import Limits
from grader.sandbox import cgroup, cpus, image, promises, seccomp
from grader.sandbox.base import (
    CHUNK_BYTES,
    ENVIRONMENT,
    INSIDE_UID,
    LAST_WORDS_BYTES,
    OPEN_FILES,
    SHM_MIB,
    SPARE_PROCESSES,
    Deadline,
    Progress,
    SandboxGone,
    Usage,
    command,
    submission_bytes,
)
from grader.sandbox.owner import Owner, this_process

API_TIMEOUT_S = 30
INODES = 1 << 16  # of a scratch folder; bwrap cannot set this, and there the limit of memory bounds them
LABEL = "grader."
RUNTIME_VARIABLE = "GRADER_DOCKER_RUNTIME"
KERNELS_OF_THEIR_OWN = ("runsc", "kata")  # what this machine's kernel sees of them is not what the submission meets
LOOK_EVERY_S = 1.0
TOLD_WITHIN_S = 10.0  # an engine that is busy tells late
SHORTEST_S = 0.001
FRAME = struct.Struct(">BxxxL")  # one attached stream carries both outputs: which, and how many bytes follow
STDERR = 2
NO_ENGINE = (
    "start one (Docker Desktop, `systemctl start docker`, or as root `sh scripts/start_engine.sh`), name another in "
    "DOCKER_HOST, or use --sandbox bubblewrap"
)
ENGINE_FAULTS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


class DockerSandbox:
    """Walls made by a Docker engine."""

    name = "docker"

    def __init__(self) -> None:
        try:
            found = {**os.environ, "DOCKER_HOST": _find_engine()}
            self._client = docker.from_env(version="auto", timeout=API_TIMEOUT_S, environment=found)
            self._info: dict[str, Any] = self._client.info()
        except ENGINE_FAULTS as error:
            raise HarnessError(f"no Docker engine answers ({_short(error)}); {NO_ENGINE}") from error
        weakref.finalize(self._client, self._client.api.close)  # its idle connections; rooms may outlive us
        self._image = ""  # by its digest: a name can be given to another one while we run
        self._image_name = ""

    def prepare(self, progress: Progress) -> None:
        if swept := self.sweep():
            progress(f"swept {swept} containers that dead runs left")
        with _engine_at_work("preparing the sandbox"):
            builder = _Builder(self._client)
            self._image_name = image.ensure(builder, progress)
            self._image = builder.image_id(self._image_name) or self._image_name
        runtime, known = os.environ.get(RUNTIME_VARIABLE), self._info.get("Runtimes") or {}
        if runtime and runtime not in known:
            raise UsageError(
                f"{RUNTIME_VARIABLE} is {runtime}; this engine has {', '.join(sorted(known)) or 'none of that kind'}"
            )

    def open(self, limits: Limits, program: str | None = None) -> DockerRoom:
        if not self._image:
            self.prepare(lambda text: None)
        seat = self._take_seat()
        with _engine_at_work("starting a container"):
            try:
                return self._open(limits, program, seat)
            except BaseException:
                seat.close()
                raise

    def _open(self, limits: Limits, program: str | None, seat: cpus.Seat) -> DockerRoom:
        api = self._client.api
        made = api.create_container_from_config(
            self._config(limits, program, seat.number), f"grader-{uuid.uuid4().hex[:12]}"
        )
        container = str(made["Id"])
        witness = None
        try:
            witness = _Witness(self._client, container)
            stream = api.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            api.start(container)
            state = api.inspect_container(container)
        except BaseException:
            if witness:
                witness.close()
            _remove(self._client, container)
            raise
        best_effort = _best_effort(state, limits, self._info)
        return DockerRoom(self._client, state, stream, witness, seat, f"{self._image_name}@{self._image}", best_effort)

    def _config(self, limits: Limits, program: str | None, cpu: int | None) -> dict[str, Any]:
        api = self._client.api
        memory = limits.memory_mib * 2**20
        owner = f"uid={INSIDE_UID},gid={INSIDE_UID}"
        options: dict[str, Any] = {
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges", f"seccomp={json.dumps(seccomp.profile())}"],
            "ipc_mode": "private",
            "init": False,  # it would hold our stream open for anybody of its user to open anew through /proc
            "pids_limit": limits.processes + SPARE_PROCESSES,
            "mem_limit": memory,
            "memswap_limit": memory,
            "shm_size": SHM_MIB * 2**20,
            "tmpfs": {
                "/tmp": f"size={limits.tmp_mib}m,nr_inodes={INODES},mode=1777,{owner},nosuid,nodev",
                "/submission": f"size={submission_bytes(limits)},nr_inodes={INODES},mode=0755,{owner},nosuid,nodev",
            },
            "ulimits": [
                docker.types.Ulimit(name="core", soft=0, hard=0),
                docker.types.Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
                docker.types.Ulimit(name="msgqueue", soft=0, hard=0),
            ],
            "log_config": docker.types.LogConfig(type="none"),
        }
        if cpu is not None:
            options["cpuset_cpus"] = str(cpu)
        if runtime := os.environ.get(RUNTIME_VARIABLE):
            options["runtime"] = runtime
        return api.create_container_config(  # type: ignore[no-any-return]
            self._image,
            command=["python3", *command(program)],
            user=f"{INSIDE_UID}:{INSIDE_UID}",
            working_dir="/tmp",
            hostname="sandbox",
            environment=ENVIRONMENT,
            stdin_open=True,
            labels={LABEL + key: value for key, value in this_process().marks().items()},
            host_config=api.create_host_config(**options),
        )

    def _take_seat(self) -> cpus.Seat:
        """Hold one of the engine's processors; of a remote engine, any."""
        if _is_local(self._client):
            return cpus.take_seat()
        return cpus.Seat(random.randrange(int(self._info.get("NCPU") or 1)), None)

    def sweep(self) -> int:
        swept = 0
        mine = [f"{LABEL}host={this_process().host}", f"{LABEL}user={this_process().user}"]
        with _engine_at_work("sweeping"):
            there = self._client.api.containers(all=True, filters={"label": mine})
        for found in there:
            marks = {key.removeprefix(LABEL): value for key, value in found["Labels"].items() if key.startswith(LABEL)}
            marks.pop("image", None)  # the image's own label
            with contextlib.suppress(TypeError):  # labels of another version of the grader
                if Owner(**marks).is_dead():
                    _remove(self._client, found["Id"])
                    swept += 1
        return swept


class _Witness:
    """What an engine tells of one container while we listen: whoever saw it to its end knows who ended it."""

    def __init__(self, client: docker.DockerClient, container: str) -> None:
        self._stream = client.api.events(filters={"container": container}, decode=True)
        self._told: set[str] = set()
        self._is_over = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for event in self._stream:
                self._told.add(str(event.get("Action") or event.get("status")))
                if self._told & {"die", "died"}:
                    break
        except Exception:  # however a stream ends that is closed under its reader, or by an engine that dies
            pass
        self._is_over.set()
        with contextlib.suppress(Exception):
            self._stream._response.close()  # which the stream's own close leaves open, and its connection with it

    def who_else(self, runs: bool) -> str | None:
        """Say what ended the container or the way to it, unless it ended by itself; runs is what the engine says."""
        was_told = self._is_over.wait(TOLD_WITHIN_S)
        if "kill" in self._told:
            return "the engine stopped its container: it was told to, or shut down"
        if self._told & {"die", "died"}:
            return None
        if was_told:
            return "the engine ended, or the connection to it broke"
        return "the connection to its container broke" if runs else None

    def close(self) -> None:
        with contextlib.suppress(*ENGINE_FAULTS, AttributeError):
            self._stream.close()


class DockerRoom:
    """One running container."""

    def __init__(
        self,
        client: docker.DockerClient,
        state: dict[str, Any],
        stream: Any,
        witness: _Witness,
        seat: cpus.Seat,
        image_name: str,
        best_effort: tuple[str, ...],
    ) -> None:
        self._client, self._container, self._seat = client, str(state["Id"]), seat
        self._witness = witness
        self._stream = stream  # holds the response, and so the connection, alive
        self._socket = getattr(stream, "_sock", stream)
        self._kind, self._left = 0, 0  # of the frame that is being read
        self._pending = b""
        self._last_words = b""
        self._closed = False
        self._usage = Usage(None, None)
        # A container on this machine, not one in a virtual machine that shares only the engine's socket.
        pid = int(state["State"]["Pid"]) if _is_local(client) else 0
        self._meter = cgroup.of_process(pid, self._container) if pid else None
        self.image: str | None = image_name
        self.runtime: str | None = state["HostConfig"].get("Runtime") or None
        is_ours = not any(name in (self.runtime or "") for name in KERNELS_OF_THEIR_OWN)
        self._pid = pid if self._meter and is_ours else 0
        self.best_effort = best_effort

    def send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            if time.monotonic() >= deadline:
                raise Deadline(f"{len(left):,} of {len(data):,} bytes were not taken")
            # An engine takes no bytes for a container that has ended, and does not say so: look now and then.
            self._arm(min(deadline, time.monotonic() + LOOK_EVERY_S))
            try:
                left = left[self._socket.send(left[:CHUNK_BYTES]) :]
            except TimeoutError:
                if not self._state()["Running"]:
                    raise self._gone() from None
            except OSError:
                raise self._gone() from None

    def receive(self, deadline: float) -> bytes:
        while True:
            while not self._left:
                if len(self._pending) < FRAME.size:
                    self._pending += self._read(deadline)
                    continue
                self._kind, self._left = FRAME.unpack_from(self._pending)
                self._pending = self._pending[FRAME.size :]
            data = self._pending or self._read(deadline)
            data, self._pending = data[: self._left], data[self._left :]
            self._left -= len(data)
            if self._kind != STDERR:
                return data
            self._last_words = (self._last_words + data)[-LAST_WORDS_BYTES:]

    def broken(self) -> tuple[str, ...]:
        return promises.broken(self._pid) if self._pid else ()

    def usage(self) -> Usage:
        if not self._closed:
            now = self._meter.read() if self._meter else Usage(None, None)
            with contextlib.suppress(*ENGINE_FAULTS, KeyError):
                if now.cpu_s is None:
                    now = replace(now, cpu_s=_cpu_s_from_engine(self._client, self._container))
                if now.oom_kills is None:
                    state = self._client.api.inspect_container(self._container)["State"]
                    now = replace(now, oom_kills=int(state["OOMKilled"]))
            # A group that is gone with its container has no figures any more; the last ones stand.
            before = self._usage
            self._usage = Usage(
                before.cpu_s if now.cpu_s is None else max(now.cpu_s, before.cpu_s or 0.0),
                before.oom_kills if now.oom_kills is None else max(now.oom_kills, before.oom_kills or 0),
                max(now.host_kills, before.host_kills),
            )
        return self._usage

    def close(self) -> None:
        if self._closed:
            return
        self.usage()
        self._closed = True
        self._witness.close()
        # Our end of the stream first: the engine waits for its reader before it takes a container away.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()
            self._stream.close()
        _remove(self._client, self._container)
        self._seat.close()

    def _read(self, deadline: float) -> bytes:
        if time.monotonic() >= deadline:  # bytes that keep coming must not carry a call past it
            raise Deadline("nothing came")
        self._arm(deadline)
        try:
            data: bytes = self._socket.recv(CHUNK_BYTES)
        except TimeoutError:
            raise Deadline("nothing came") from None
        except OSError:
            raise self._gone() from None
        if not data:
            raise self._gone()
        return data

    def _arm(self, deadline: float) -> None:
        if self._closed:
            raise SandboxGone("the sandbox was closed")
        self._socket.settimeout(max(deadline - time.monotonic(), SHORTEST_S))

    def _state(self) -> dict[str, Any]:
        """Give how the container is. Raises SandboxLost where the engine has ended."""
        try:
            state: dict[str, Any] = self._client.api.inspect_container(self._container)["State"]
        except ENGINE_FAULTS as error:
            raise SandboxLost(
                f"the Docker engine ended, or lost the container, in the middle of a run ({_short(error)}); "
                "see its log, start it, and grade again"
            ) from error
        return state

    def _gone(self) -> SandboxGone:
        """Say how it ended. Raises SandboxLost where nothing inside can have done it."""
        if self._closed:
            return SandboxGone("the sandbox was closed")
        state = self._state()
        if who := self._witness.who_else(state["Running"]):
            raise SandboxLost(f"the sandbox was lost: {who}; see the engine's log, then grade again")
        status = f"the sandbox ended with status {state['ExitCode']}"
        how = "the worker closed its stream" if state["Running"] else status
        how += ", out of memory" if state.get("OOMKilled") else ""
        words = self._last_words.decode(errors="replace").strip()
        return SandboxGone(how + (f"; its last words: {words}" if words else ""))


def _find_engine() -> str:
    """Give the address that DOCKER_HOST names, or of the first usual socket that is answered. Raises OSError."""
    named = os.environ.get("DOCKER_HOST")
    if named and not named.startswith("unix://"):
        return named
    usual = ["/var/run/docker.sock", str(Path.home() / ".docker/run/docker.sock")]  # the second: Docker Desktop
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        usual.append(f"{runtime}/docker.sock")  # an engine without root
    problem: OSError | None = None
    for path in [named.removeprefix("unix://")] if named else usual:
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(API_TIMEOUT_S)
            try:
                knock.connect(path)
                return f"unix://{path}"
            except OSError as error:
                problem = problem or OSError(f"{path}: {error.strerror or error}")
    assert problem
    raise problem


class _Builder:
    """The engine as image.py sees it."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._api = client.api

    def image_id(self, name: str) -> str | None:
        try:
            return str(self._api.inspect_image(name)["Id"])
        except docker.errors.ImageNotFound:
            return None

    def build(self, context: bytes, options: dict[str, Any]) -> Iterable[dict[str, Any]]:
        messages: Iterator[dict[str, Any]] = self._api.build(
            fileobj=io.BytesIO(context),
            custom_context=True,
            decode=True,
            rm=True,
            forcerm=True,
            timeout=None,
            **options,
        )
        return messages


def _best_effort(state: dict[str, Any], limits: Limits, info: dict[str, Any]) -> tuple[str, ...]:
    """Read back what the engine made of the limits: it drops those that it cannot apply, with only a warning."""
    host = state["HostConfig"]
    memory = limits.memory_mib * 2**20
    found = []
    if host.get("Memory") != memory:
        found.append("memory: the engine dropped the limit; its host has no memory control group")
    elif host.get("MemorySwap") != memory:
        found.append("swap: the engine dropped the limit; its host counts no swap")
    if (host.get("PidsLimit") or 0) <= 0:
        found.append("processes: the engine dropped the limit; its host has no pids control group")
    if not host.get("CpusetCpus"):
        found.append("processor: the engine dropped the cpuset; its host has no cpuset control group")
    if not any("seccomp" in option for option in info.get("SecurityOptions") or ()):
        found.append("system calls: the engine has no seccomp")
    return tuple(found)


def _cpu_s_from_engine(client: docker.DockerClient, container: str) -> float | None:
    total = client.api.stats(container, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"]
    return int(total) / 1e9 if total else None  # an ended container's figure reads 0


def _is_local(client: docker.DockerClient) -> bool:
    return sys.platform == "linux" and str(client.api.base_url).startswith("http+docker://local")


def _remove(client: docker.DockerClient, container: str) -> None:
    """Kill a container and take it away with its volumes; never raises."""
    for _ in range(3):
        try:
            client.api.remove_container(container, force=True, v=True)
            return
        except docker.errors.NotFound:
            return
        except ENGINE_FAULTS:
            time.sleep(0.2)


@contextlib.contextmanager
def _engine_at_work(what: str) -> Iterator[None]:
    try:
        yield
    except ENGINE_FAULTS as error:
        raise SandboxLost(
            f"the Docker engine failed at {what}: {_short(error)}; see its log, or `grader doctor`"
        ) from error


def _short(error: BaseException) -> str:
    return " ".join(str(getattr(error, "explanation", None) or error).split())[:300]
