"""What a submission can see and change: nothing but its own three small folders."""

from __future__ import annotations

import importlib.metadata
import os
import time
from pathlib import Path
from typing import Any

import pytest
from rooms import ROOT, a_room, read_until, run_to_end

from grader.models import Limits
from grader.sandbox import choose, devices
from grader.sandbox.base import Deadline, Sandbox, submission_bytes

# Masked with /dev/null by the engine; and pressure figures, which anybody may open but not set without a capability.
HARMLESS = {"/proc/keys", "/proc/timer_list", *(f"/proc/pressure/{name}" for name in ("io", "cpu", "memory", "irq"))}


def test_no_file_can_be_made_outside_the_scratch_folders(seen: dict[str, Any]) -> None:
    """Everything but /tmp, /dev/shm and /submission is read-only."""
    assert seen["new_file"].keys() >= {"/", "/usr", "/opt", "/opt/grader", "/dev", "/proc"}
    assert set(seen["new_file"].values()) <= {"EROFS", "EACCES", "ENOENT", "EPERM"}


def test_the_kernel_s_settings_cannot_be_written(seen: dict[str, Any]) -> None:
    """/proc/sys and /proc/sysrq-trigger refuse writes, also where the grader runs as root."""
    assert len(seen["kernel_settings"]) == 3
    assert "worked" not in seen["kernel_settings"].values()
    assert set(seen["writable_files"]) <= HARMLESS


def test_only_harmless_devices_are_there(seen: dict[str, Any]) -> None:
    """What gives zeros, nothing, or random numbers, and terminals of its own; no disk, no memory, no log."""
    harmless = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "0"}
    assert {Path(path).name for path in seen["devices"]} <= harmless
    assert {"/dev/null", "/dev/urandom"} <= set(seen["devices"])
    assert seen["changed_devices"] == []  # they are this machine's own, and other sandboxes' as well


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user has the machine's own devices")
def test_of_devices_that_all_sandboxes_have_only_one_can_be_touched(sandbox: Sandbox, seen: dict[str, Any]) -> None:
    """Their times could be notes; /dev/null alone has to be written to."""
    if sandbox.name == "bubblewrap":
        shared = {f"/dev/{name}" for name in devices.NUMBERS}
        assert shared & set(seen["touched_devices"]) == {"/dev/null"}


def test_nobody_owns_the_process(seen: dict[str, Any]) -> None:
    """The submission runs as uid and gid 65534, with no other group."""
    assert set(seen["status"]["Uid"].split()) == {"65534"}
    assert set(seen["status"]["Gid"].split()) == {"65534"}
    assert set(seen["status"]["Groups"].split()) <= {"65534"}


@pytest.mark.parametrize("set_", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_no_capability_is_left(seen: dict[str, Any], set_: str) -> None:
    """Every capability set is empty, the bounding one included."""
    assert int(seen["status"][set_], 16) == 0


def test_rights_cannot_be_gained_and_calls_are_filtered(seen: dict[str, Any]) -> None:
    """no_new_privs is set, and a seccomp filter is in force."""
    assert seen["status"]["NoNewPrivs"] == "1"
    assert seen["status"]["Seccomp"] == "2"


def test_scratch_folders_have_their_size(seen: dict[str, Any]) -> None:
    """/tmp, /dev/shm and /submission hold what the limits say, not half of the memory."""
    limits = Limits()
    assert seen["sizes"]["/tmp"] == limits.tmp_mib * 2**20
    assert seen["sizes"]["/submission"] == submission_bytes(limits)
    assert seen["sizes"]["/dev/shm"] <= 64 * 2**20
    assert seen["submission_owner"] == 65534
    assert seen["working_folder"] == "/tmp"


def test_one_processor_is_visible(seen: dict[str, Any]) -> None:
    """A submission gets one processor, and libraries that count them see one."""
    assert len(seen["processors"]) == 1


def test_no_other_process_is_visible(seen: dict[str, Any]) -> None:
    """The sandbox has process numbers of its own, and the program is its first: no init whose descriptors are ours."""
    assert seen["processes"] == ["1"]


def test_namespaces_are_its_own(seen: dict[str, Any]) -> None:
    """Network, processes, mounts, shared memory and names of the machine are apart from ours."""
    outside = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in seen["namespaces"]}
    shared = [name for name, inside in seen["namespaces"].items() if inside == outside[name]]
    assert len(seen["namespaces"]) == 5 and shared == []


def test_no_program_lends_its_owner_s_rights(seen: dict[str, Any]) -> None:
    """A set-user-id file, where there is one, lies on a mount that takes no notice of it."""
    assert seen["borrowed_rights"] == []


def test_the_host_s_secrets_are_not_there(seen: dict[str, Any]) -> None:
    """Neither passwords nor homes nor the engine's socket nor the project can be read."""
    assert seen["readable"] == []


def test_the_project_and_its_answers_are_not_there(sandbox: Sandbox) -> None:
    """Of the grader only the worker and the wire can be found from inside, by any name."""
    program = """
import os
found = set()
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/sys")]
    found |= {name for name in files if name in ("judge.py", "minigpt.py", "minigpt-matmul.toml")}
    if "/opt/grader" in top:
        found |= {os.path.join(top, f) for f in files if "/worker" not in top}
print(sorted(found))
"""
    assert run_to_end(sandbox, program) == "['/opt/grader/grader/__init__.py', '/opt/grader/grader/wire.py']\n"


def test_the_host_s_environment_is_not_there(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the host is visible, not even in the environment that init was started with."""
    monkeypatch.setenv("GRADER_TEST_SECRET", "hunter2")
    program = """
import glob
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        print(open(path).read())
    except OSError:
        pass
"""
    said = run_to_end(sandbox, program)
    assert "PATH=" in said
    assert "GRADER_TEST_SECRET" not in said and "hunter2" not in said


def test_no_descriptor_of_the_host_comes_along(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that the judge has open, even one marked to be inherited, is not open inside."""
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        said = run_to_end(
            sandbox,
            "import os\n"
            "for fd in range(3, 1024):\n"
            "    try: print(fd, os.readlink(f'/proc/self/fd/{fd}'))\n"
            "    except FileNotFoundError: pass\n"
            "print('done')",
        )
    assert said == "done\n"


def test_outside_all_this_is_otherwise() -> None:
    """Outside there is a project, other processes and another user, so that their absence inside means something."""
    assert (ROOT / "grader" / "judge.py").is_file()
    assert len([path for path in Path("/proc").iterdir() if path.name.isdigit()]) > 2
    assert os.getuid() != 65534


def test_torch_works_inside(sandbox: Sandbox) -> None:
    """What a submission needs is there and runs under all the limits."""
    program = """
import numpy, safetensors.torch, torch
assert torch.allclose(torch.ones(2, 2) @ torch.ones(2, 2), torch.full((2, 2), 2.0))
x = torch.ones(3, requires_grad=True); (x * x).sum().backward()
print(torch.__version__.split("+")[0], numpy.__version__, x.grad.tolist())
"""
    versions = [importlib.metadata.version(name).split("+")[0] for name in ("torch", "numpy")]
    assert run_to_end(sandbox, program).split(" ", 2) == [*versions, "[2.0, 2.0, 2.0]\n"]


def test_pytest_works_inside(sandbox: Sandbox) -> None:
    """A candidate's own tests can be run inside."""
    program = """
import sys
import pytest
open("/tmp/test_it.py", "w").write("def test_it(): assert 1 + 1 == 2\\n")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "/tmp/test_it.py"]))
"""
    assert "1 passed" in run_to_end(sandbox, program)


def test_the_worker_is_what_runs(sandbox: Sandbox) -> None:
    """Without a program of a test's own, the worker starts, says nothing first, and stays."""
    room = sandbox.open(Limits())
    try:
        with pytest.raises(Deadline):
            room.receive(time.monotonic() + 4)
    finally:
        room.close()


def test_standard_streams_are_the_only_way(sandbox: Sandbox) -> None:
    """What goes in on standard input comes to the program, and its standard output comes back."""
    with a_room(sandbox, "print(input()[::-1], flush=True); input()") as room:
        room.send(b"drawer\n", time.monotonic() + 10)
        assert read_until(room, b"\n") == b"reward\n"


@pytest.mark.docker
def test_the_interpreter_is_the_image_s_only_program(docker_engine: None) -> None:
    """No shell, compiler or package tool is in it, no set-user-id program, and nothing to install packages with."""
    program = """
import importlib.util, os, stat
tools = {"sh", "bash", "dash", "apt", "apt-get", "dpkg", "pip", "pip3", "conda", "gcc", "cc", "g++", "c++", "clang",
         "ld", "as", "make", "perl", "curl", "wget", "git", "su", "sudo", "mount"}
found = set()
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/sys")]
    for name in files:
        path = os.path.join(top, name)
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode) and mode & 0o6000:
            found.add(path)
        if mode & 0o111 and (name in tools or top in ("/bin", "/usr/bin", "/usr/sbin", "/usr/local/bin")):
            found.add(path)
found |= {name for name in ("pip", "ensurepip") if importlib.util.find_spec(name)}
print(sorted(path for path in found if not os.path.basename(path).startswith("python3")))
"""
    docker = choose("docker")
    docker.prepare(print)
    assert run_to_end(docker, program) == "[]\n"


def test_no_program_is_on_the_path_but_the_interpreter(sandbox: Sandbox) -> None:
    """A submission that calls a shell or a compiler finds none, in either sandbox."""
    program = """
import os, shutil, subprocess
print([name for name in ("sh", "bash", "gcc", "cc", "pip", "apt-get", "perl", "su", "mount") if shutil.which(name)])
try: subprocess.run("true", shell=True)
except FileNotFoundError: print("no shell")
"""
    assert run_to_end(sandbox, program) == "[]\nno shell\n"
