"""The host's side of the wall: what it does when something is missing, dropped, dead or in the way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rooms import ROOT, a_room, read_until, run_to_end

from grader.errors import HarnessError, UsageError
from grader.models import Limits
from grader.sandbox import bubblewrap, cgroup, choose, cpus, environment, image, owner, scope, seccomp
from grader.sandbox import docker as docker_backend
from grader.sandbox.base import Usage

# --- choosing ---------------------------------------------------------------------------------------------------------


def test_an_unknown_sandbox_is_a_usage_error() -> None:
    """A wrong name is told with the right ones."""
    with pytest.raises(UsageError, match="'jail'; choose one of auto, docker, bubblewrap"):
        choose("jail")


def test_a_silent_engine_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an engine docker is a harness error that names the ways out, and auto takes bubblewrap."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(HarnessError, match=r"no Docker engine answers.*--sandbox bubblewrap"):
        choose("docker")
    assert choose("auto").name == "bubblewrap"


def test_without_any_sandbox_both_reasons_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing works the error says for each what to install."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match=r"no Docker engine answers.*apt-get install bubblewrap"):
        choose("auto")


def test_everything_can_be_imported_where_linux_is_not() -> None:
    """On macOS every module of the sandboxes is importable; only choosing bubblewrap is refused."""
    program = """
import sys
import docker, platformdirs, sysconfig, grader.models  # other people's modules, under the system they find
sysconfig.get_config_vars()
sys.platform = "darwin"
for name in ("pyseccomp", "fcntl"): sys.modules[name] = None
from grader.sandbox import choose, doctor, image, docker, bubblewrap, cgroup, cpus, environment, owner, scope, seccomp
assert seccomp.profile()["syscalls"] and cpus.take_seat().number is None and cgroup.sweep() == 0
try: choose("bubblewrap")
except Exception as error: print(error)
"""
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout == "bubblewrap exists on Linux only; use --sandbox docker\n"


# --- owners -----------------------------------------------------------------------------------------------------------


def test_an_owner_is_dead_only_when_that_is_sure() -> None:
    """Marks of this process, of other users and of other machines are spared; other boots and gone numbers are not."""
    mine = owner.this_process()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not mine.is_dead()
    assert replace(mine, pid=str(ended.pid), started="1").is_dead()
    assert replace(mine, started="1").is_dead()  # the number is used again
    assert replace(mine, boot="00000000").is_dead()
    assert not replace(mine, boot="00000000", user="12345").is_dead()
    assert not replace(mine, boot="00000000", host="elsewhere").is_dead()
    assert not replace(mine, pid_namespace="1", started="1").is_dead()  # its numbers are not ours to look up


# --- control groups ---------------------------------------------------------------------------------------------------


def test_without_control_groups_the_report_says_what_is_best_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host gives no groups the sandbox still works, and names what it cannot hold strictly."""
    monkeypatch.setattr(cgroup, "create", lambda limits: None)
    monkeypatch.setattr(scope, "prefix", lambda limits: None)
    sandbox = choose("bubblewrap")
    with a_room(sandbox, "import resource as r; print(r.getrlimit(r.RLIMIT_NPROC)[0], flush=True); input()") as room:
        assert [text.split(":")[0] for text in room.best_effort if "swap" not in text] == ["memory", "processes"]
        assert room.usage() == Usage(None, None)
        assert read_until(room, b"\n") == f"{Limits().processes + 4}\n".encode()


def test_a_scope_of_systemd_is_read_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A limit that systemd did not set in the scope is best effort, not taken for granted."""
    folder = tmp_path / "run-1.scope"
    folder.mkdir()
    for name, text in {
        "memory.max": "1048576",
        "memory.swap.max": "max",
        "pids.max": "20",
        "memory.events": "oom 3\noom_kill 2\n",
        "cpu.stat": "usage_usec 1500000\n",
    }.items():
        (folder / name).write_text(text)
    found = cgroup.Meter(folder / "cpu.stat", folder / "memory.events")
    monkeypatch.setattr(cgroup, "of_process", lambda pid, expect: found)
    group = scope.find(1)
    assert group is not None
    assert group.missing == ("swap",)
    assert group.meter.read() == Usage(1.5, 2)


def at_most(mib: int) -> dict[str, str]:
    """Give a version 1 group of 1000 MiB that never held more than so much."""
    return {"memory.max_usage_in_bytes": f"{mib << 20}\n", "memory.limit_in_bytes": f"{1000 << 20}\n"}


@pytest.mark.parametrize(
    ("files", "used"),
    [
        ({"memory.oom_control": "oom_kill 1\n"} | at_most(1000), Usage(None, 1)),
        ({"memory.oom_control": "oom_kill 1\n"} | at_most(960), Usage(None, 1)),  # one more large page was too much
        ({"memory.oom_control": "oom_kill 1\n"} | at_most(500), Usage(None, 0, 1)),
        ({"memory.oom_control": "oom_kill 0\n"} | at_most(500), Usage(None, 0)),
        ({"memory.events": "oom 3\noom_kill 1\n"}, Usage(None, 1)),
        ({"memory.events": "oom 0\noom_kill 1\n"}, Usage(None, 0, 1)),
    ],
)
def test_a_kill_below_the_own_limit_is_the_machine_s(tmp_path: Path, files: dict[str, str], used: Usage) -> None:
    """The kernel counts every kill for want of memory; one at the sandbox's own limit is the submission's doing."""
    for name, text in {"memory.limit_in_bytes": "1000", **files}.items():
        (tmp_path / name).write_text(text)
    assert cgroup.Meter(None, tmp_path / next(iter(files))).read() == used


def test_a_kill_by_the_machine_is_not_forgotten_with_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the group said before it went stands: the engine knows a kill, and not whose doing it was."""
    figures = iter([Usage(1.0, 0, 1), Usage(None, None)])
    meter = SimpleNamespace(read=lambda: next(figures))
    monkeypatch.setattr(docker_backend.cgroup, "of_process", lambda pid, expect: meter)
    api = SimpleNamespace(
        base_url="http+docker://localhost", inspect_container=lambda _: {"State": {"OOMKilled": False}}
    )
    client: Any = SimpleNamespace(api=api)
    monkeypatch.setattr(docker_backend, "_cpu_s_from_engine", lambda client, container: None)
    state = {"Id": "c", "State": {"Pid": 1}, "HostConfig": {}}
    nothing: Any = None
    room = docker_backend.DockerRoom(client, state, nothing, nothing, nothing, "image", ())
    assert room.usage() == room.usage() == Usage(1.0, 0, 1)


def test_version_2_groups_are_made_where_controllers_are_handed_down(tmp_path: Path) -> None:
    """A group with processes in it hands nothing down: the nearest one above that does, and is ours, is taken."""
    inner = tmp_path / "user.slice" / "app.slice" / "term.scope"
    inner.mkdir(parents=True)
    for folder, handed in ((inner, ""), (inner.parent, "cpu memory pids"), (inner.parent.parent, "memory pids")):
        (folder / "cgroup.subtree_control").write_text(handed)
        (folder / "cgroup.procs").write_text("")
    mount = ("/", tmp_path)
    assert cgroup._delegating(mount, "/user.slice/app.slice/term.scope") == inner.parent
    (inner.parent / "cgroup.subtree_control").write_text("cpu")
    assert cgroup._delegating(mount, "/user.slice/app.slice/term.scope") == inner.parent.parent
    (inner.parent.parent / "cgroup.subtree_control").write_text("")
    assert cgroup._delegating(mount, "/user.slice/app.slice/term.scope") is None


def seat_of_another_process() -> tuple[int, bool]:
    """Take a seat in a process that ends at once; its number, and whether it was held."""
    program = "import os; os.sched_getaffinity = lambda _: {0, 1}; from grader.sandbox import cpus; "
    program += "seat = cpus.take_seat(); print(seat.number, int(seat.is_held))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    number, is_held = map(int, done.stdout.split())
    return number, bool(is_held)


def test_submissions_at_once_are_on_different_processors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process's second sandbox keeps no other's first from a processor, and the next first one keeps away from it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(cpus, "_first", cpus.Seat(None, None))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    first, second = cpus.take_seat(), cpus.take_seat()
    assert {first.number, second.number} == {0, 1} and first.is_held and second.is_held
    for _ in range(5):
        number, is_held = seat_of_another_process()
        assert is_held and number == second.number
    third = cpus.take_seat()
    assert third.number == first.number and not third.is_held
    first.close()
    again = cpus.take_seat()
    assert again.number == first.number and again.is_held
    for seat in (second, third, again):
        seat.close()


# --- the policy -------------------------------------------------------------------------------------------------------


def test_one_policy_in_two_forms() -> None:
    """Both forms name the same calls, none both allowed and denied; a denial says EPERM."""
    assert not set(seccomp.ALLOWED) & set(seccomp.REFUSED)
    assert len(seccomp.DENIED) == len(set(seccomp.DENIED))  # each has one reason
    profile = json.loads(json.dumps(seccomp.profile()))
    by_action: dict[str, set[str]] = {}
    for entry in profile["syscalls"]:
        if "args" not in entry:
            by_action.setdefault(f"{entry['action']} {entry.get('errnoRet')}", set()).update(entry["names"])
    assert by_action["SCMP_ACT_ALLOW None"] == set(seccomp.ALLOWED)
    assert by_action["SCMP_ACT_ERRNO 1"] == set(seccomp.REFUSED)
    assert by_action["SCMP_ACT_ERRNO 38"] == {"clone3"}
    assert len(seccomp.bpf()) % 8 == 0  # whole instructions
    assert {entry["architecture"] for entry in profile["archMap"]} == {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}


# --- bubblewrap -------------------------------------------------------------------------------------------------------


def test_a_bwrap_that_fails_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel refuses bwrap its own words reach the caller."""
    sandbox = choose("bubblewrap")
    assert isinstance(sandbox, bubblewrap.BubblewrapSandbox)
    monkeypatch.setattr(bubblewrap.BubblewrapSandbox, "_walls", lambda self, limits: ["--ro-bind", "/not-there", "/x"])
    with pytest.raises(Exception, match=r"ended with status 1; its last words: bwrap: .*not-there"):
        run_to_end(sandbox, "print(1)")


def test_the_packages_are_looked_up_again_when_one_was_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The list of packages is remembered between runs, until a folder of packages changes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    looked: list[int] = []
    monkeypatch.setattr(environment, "_look_up", lambda: looked.append(1) or [["/some/torch", "torch"]])
    for _ in range(2):
        environment.packages.cache_clear()
        assert environment.packages() == ("--ro-bind", "/some/torch", "/opt/site/torch")
    assert len(looked) == 1
    (site / "another").mkdir()
    environment.packages.cache_clear()
    environment.packages()
    assert len(looked) == 2
    environment.packages.cache_clear()


# --- the engine -------------------------------------------------------------------------------------------------------


class Tunnel:
    """An engine somewhere else: a TCP port that leads to the engine's socket until it is cut."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.host = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect("/var/run/docker.sock")
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self) -> None:
        # Shutting down wakes the threads that wait on these; closing alone would not.
        for end in [self._listener, *self._open]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


@pytest.fixture
def tunnel(docker_engine: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Tunnel()
    monkeypatch.setenv("DOCKER_HOST", made.host)
    yield made
    made.cut()


@pytest.mark.docker
def test_a_remote_engine_works(tunnel: Tunnel) -> None:
    """Through DOCKER_HOST everything travels over the wire, and figures come from the engine."""
    with a_room(choose("docker"), "x = sum(range(10**7)); print(input()[::-1], flush=True); input()") as room:
        room.send(b"drawer\n", time.monotonic() + 20)
        assert read_until(room, b"\n") == b"reward\n"
        used = room.usage()
        assert used.cpu_s is not None and used.cpu_s > 0.05
        assert used.oom_kills == 0


@pytest.mark.docker
def test_an_engine_that_dies_is_the_harness_s_fault(tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the engine goes away in the middle, nobody gets a verdict for it; the next start sweeps."""
    room = choose("docker").open(Limits(), "print('up', flush=True); input()")
    read_until(room, b"up\n")
    tunnel.cut()
    with pytest.raises(HarnessError, match="the Docker engine ended"):
        room.receive(time.monotonic() + 20)
    room.close()  # never raises

    monkeypatch.delenv("DOCKER_HOST")
    api = choose("docker")._client.api  # type: ignore[attr-defined]
    api.remove_container(room._container, force=True)  # type: ignore[attr-defined]


@pytest.mark.docker
def test_a_runtime_that_the_engine_lacks_is_told(docker_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stronger runtime that is asked for and not there is no reason to fall back to a weaker one."""
    monkeypatch.setenv(docker_backend.RUNTIME_VARIABLE, "runsc-of-nowhere")
    with pytest.raises(UsageError, match=r"is runsc-of-nowhere; this engine has .*runc"):
        choose("docker").prepare(print)


@pytest.mark.docker
def test_the_image_is_recorded_by_its_digest(docker_engine: None) -> None:
    """The scorecard names what the submission ran in by its content, and that is what the container is made of."""
    with a_room(choose("docker"), "input()") as room:
        name, _, digest = str(room.image).partition("@")
        assert name.startswith("grader-sandbox:") and len(digest.removeprefix("sha256:")) == 64
        assert room._client.api.inspect_container(room._container)["Image"] == digest


@pytest.mark.docker
def test_the_engine_was_told_every_limit(docker_engine: None) -> None:
    """The container is configured as docs/threat-model.md promises, read back from the engine."""
    sandbox = choose("docker")
    with a_room(sandbox, "input()") as room:
        found = sandbox._client.api.inspect_container(room._container)  # type: ignore[attr-defined]
    host = found["HostConfig"]
    assert host["NetworkMode"] == "none" and host["IpcMode"] == "private"
    assert host["ReadonlyRootfs"] and not host["Init"] and not host["AutoRemove"] and not host["Privileged"]
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Binds"]
    assert host["Memory"] == host["MemorySwap"] == 2048 * 2**20
    assert host["PidsLimit"] == 68 and len(host["CpusetCpus"]) >= 1
    assert host["LogConfig"]["Type"] == "none"
    assert "no-new-privileges" in host["SecurityOpt"]
    assert found["Config"]["User"] == "65534:65534"
    assert {"grader.host", "grader.boot", "grader.pid", "grader.started", "grader.user"} <= set(
        found["Config"]["Labels"]
    )


def test_limits_that_the_engine_dropped_are_told() -> None:
    """An engine without a control group takes the limit, warns and drops it: the report names it."""
    kept = {"Memory": 2**31, "MemorySwap": 2**31, "PidsLimit": 68, "CpusetCpus": "0"}
    info = {"SecurityOptions": ["name=seccomp,profile=default"]}
    assert docker_backend._best_effort({"HostConfig": kept}, Limits(), info) == ()
    for change, word in (
        ({"Memory": 0, "MemorySwap": 0}, "memory"),
        ({"MemorySwap": -1}, "swap"),
        ({"PidsLimit": None}, "processes"),
        ({"CpusetCpus": ""}, "processor"),
    ):
        told = docker_backend._best_effort({"HostConfig": {**kept, **change}}, Limits(), info)
        assert [text.split(":")[0] for text in told] == [word]
    assert docker_backend._best_effort({"HostConfig": kept}, Limits(), {})[0].startswith("system calls")


# --- the image --------------------------------------------------------------------------------------------------------


class FakeEngine:
    """An engine that has some images and builds with given messages."""

    def __init__(self, images: dict[str, str], messages: list[dict[str, Any]]) -> None:
        self.images, self.messages = images, messages
        self.options: dict[str, Any] = {}

    def image_id(self, name: str) -> str | None:
        return self.images.get(name)

    def build(self, context: bytes, options: dict[str, Any]) -> list[dict[str, Any]]:
        self.options = options
        if not any("error" in message for message in self.messages):
            self.images[options["tag"]] = "sha256:new"
        return self.messages


def test_a_base_that_cannot_be_pulled_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a registry the error names `make image`."""
    monkeypatch.setattr(image, "wheelhouse", lambda: tmp_path)
    engine = FakeEngine({}, [{"error": "pull access denied for python"}])
    with pytest.raises(HarnessError, match=r"python:3.11-slim-bookworm: pull access denied.*`make image` makes a base"):
        image.ensure(engine, print)


def test_a_base_and_wheels_that_were_made_here_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After `make image` a build needs neither a registry nor a package index."""
    (tmp_path / "some-1-py3-none-any.whl").write_bytes(b"wheel")
    monkeypatch.setattr(image, "wheelhouse", lambda: tmp_path)
    engine = FakeEngine({image.LOCAL_BASE: "sha256:base"}, [{"stream": "Step 1"}])
    said: list[str] = []
    name = image.ensure(engine, said.append)
    assert engine.options["buildargs"]["BASE_IMAGE"] == image.LOCAL_BASE
    assert engine.options["network_mode"] == "none"
    assert said[-1] == "Step 1"
    assert image.ensure(engine, said.append) == name and len(said) == 2  # built once


def test_the_image_s_name_follows_what_goes_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A change of the worker, of the base or of a wheel gives another image; nothing else does."""
    monkeypatch.setattr(image, "wheelhouse", lambda: tmp_path)
    names = []
    inputs = image._inputs()
    for base, change in (("sha256:a", b""), ("sha256:a", b""), ("sha256:b", b""), ("sha256:a", b"# changed\n")):
        changed = {**inputs, "grader/worker/__main__.py": inputs["grader/worker/__main__.py"] + change}
        monkeypatch.setattr(image, "_inputs", lambda changed=changed: changed)
        names.append(image.ensure(FakeEngine({image.LOCAL_BASE: base}, []), print))
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_a_base_can_be_pinned_by_its_digest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The digest reaches the build as it was given, and another digest is another image."""
    monkeypatch.setattr(image, "wheelhouse", lambda: tmp_path)
    names = set()
    for letter in "ab":
        base = f"python@sha256:{letter * 64}"
        monkeypatch.setenv(image.BASE_VARIABLE, base)
        engine = FakeEngine({image.LOCAL_BASE: "sha256:base"}, [])
        names.add(image.ensure(engine, print))
        assert engine.options["buildargs"]["BASE_IMAGE"] == base
    assert len(names) == 2
    assert all(name.startswith("grader-sandbox:") and name.count(":") == 1 for name in names)


@pytest.mark.docker
def test_a_change_of_the_worker_rebuilds_in_seconds(docker_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers with the packages are reused."""
    inputs = image._inputs()
    inputs["grader/worker/__main__.py"] += f"# {time.time()}\n".encode()
    monkeypatch.setattr(image, "_inputs", lambda: inputs)
    sandbox = choose("docker")
    said: list[str] = []
    started = time.monotonic()
    sandbox.prepare(said.append)
    try:
        assert time.monotonic() - started < 30
        assert any("Using cache" in line for line in said)
        assert not any("Successfully installed" in line for line in said)
    finally:
        sandbox._client.api.remove_image(sandbox._image)  # type: ignore[attr-defined]


def test_image_and_project_pin_the_same_versions() -> None:
    """What the Dockerfile installs for submissions is what the judge computes with."""
    import re
    import tomllib

    pinned = dict(re.findall(r"(\w+)==([\d.]+)", (ROOT / "Dockerfile").read_text()))
    wanted = dict(
        found.groups()
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        if (found := re.match(r"(\w+)==([\d.]+)$", line))
    )
    assert pinned.keys() == {"torch", "numpy", "safetensors", "pytest"}
    assert pinned.items() <= wanted.items()
