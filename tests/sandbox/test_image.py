"""What is in the docker sandbox's image, which image it was, and what runs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rooms import ATTACKS, a_room, run_to_end
from test_host import FakeEngine

from grader.errors import HarnessError
from grader.sandbox import choose, image
from grader.sandbox import docker as docker_backend

OF_TORCH = re.compile(r"/opt/venv/lib/python3\.\d+/site-packages/torch/(bin|test)/")
NAMES = {
    *("sh", "bash", "dash", "perl", "pip", "pip3", "apt", "apt-get", "dpkg", "gcc", "cc", "c++", "g++", "ld", "as"),
    *("make", "curl", "wget", "git", "gpg", "su", "mount", "protoc"),
}


@pytest.mark.docker
def test_no_program_but_the_interpreter(docker_engine: None) -> None:
    """Neither a shell nor a compiler nor a package tool is anywhere in the image, and nothing that installs one."""
    import json

    found = json.loads(run_to_end(choose("docker"), (ATTACKS / "tools.py").read_text()))
    programs = [path for path in found["programs"] if not OF_TORCH.match(path)]
    assert len(programs) == 1 and re.fullmatch(r".*/bin/python3\.\d+", programs[0])
    assert not NAMES & {Path(path).name for path in found["executables"]}
    assert found["modules"] == [] and found["setuid"] == []


@pytest.mark.docker
def test_the_image_is_recorded_by_its_content(docker_engine: None) -> None:
    """A scorecard says what ran: the digest of the image, from the container itself, and the runtime."""
    sandbox = choose("docker")
    with a_room(sandbox, "input()") as room:
        assert room.image and room.runtime
        name, digest = room.image.split("@")
        assert name.startswith(f"{image.REPOSITORY}:")
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
        assert sandbox._client.api.inspect_image(name)["Id"] == digest  # type: ignore[attr-defined]


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
    assert all(re.fullmatch(r"grader-sandbox:[0-9a-f]{16}", name) for name in names)


@pytest.mark.docker
def test_a_runtime_that_the_engine_lacks_is_told(docker_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for another runtime gets that or an error that says how to have it, never a weaker one."""
    monkeypatch.setenv(docker_backend.RUNTIME_VARIABLE, "not-there")
    with pytest.raises(HarnessError, match=r"no runtime 'not-there' \(GRADER_DOCKER_RUNTIME\); it has .*runc.*daemon"):
        choose("docker").prepare(print)


def test_runtimes_that_need_no_listing_are_left_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that lists none, or a name in containerd's form, is not refused beforehand."""
    listed: dict[str, Any] = {"Runtimes": {"runc": {}, "runsc": {}}}
    for name, info in (("runsc", listed), ("io.containerd.runsc.v1", listed), ("runsc", {}), ("", listed)):
        monkeypatch.setenv(docker_backend.RUNTIME_VARIABLE, name)
        docker_backend._check_runtime(info)
