"""The sandbox image: its name from a hash of what goes in, and its making on first use."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import platformdirs

from grader.errors import HarnessError
from grader.project import DATA
from grader.sandbox.base import Progress, worker_files

REPOSITORY = "grader-sandbox"
LOCAL_BASE = "grader-base:bookworm"  # what scripts/make_image.sh makes where no base can be pulled
LABEL = "grader.image"
BASE_VARIABLE = "GRADER_BASE_IMAGE"
INDEX_VARIABLE = "GRADER_EXTRA_INDEX_URL"
LINE_CHARS = 160


class Engine(Protocol):
    """What building needs of a Docker engine."""

    def image_id(self, name: str) -> str | None:
        """Give the id of an image that the engine has."""

    def build(self, context: bytes, options: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """Build from a tar archive; give the engine's messages."""


def wheelhouse() -> Path:
    """Give the folder where scripts/make_image.sh keeps the wheels of the image."""
    return Path(platformdirs.user_cache_dir("grader")) / "wheels"


def ensure(engine: Engine, progress: Progress) -> str:
    """Give the name of the image for the worker as it is now, building it where the engine lacks it."""
    base = _base(engine)
    wheels = sorted(wheelhouse().glob("*.whl"))
    files = _inputs()
    name = f"{REPOSITORY}:{_digest(base, engine.image_id(base), files, wheels)}"
    if engine.image_id(name) is None:
        progress(f"building the sandbox image {name} on {base} (once; minutes the first time)")
        _build(engine, name, base, _context(files, wheels), bool(wheels), progress)
    return name


def _base(engine: Engine) -> str:
    if named := os.environ.get(BASE_VARIABLE):
        return named
    if engine.image_id(LOCAL_BASE):
        return LOCAL_BASE
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", (DATA / "Dockerfile").read_text(), re.MULTILINE)
    assert found, "the Dockerfile names its base"
    return found[1]


def _inputs() -> dict[str, bytes]:
    """Give what the Dockerfile copies, by its path in the build context."""
    paths = {"Dockerfile": DATA / "Dockerfile", "constraints.txt": DATA / "constraints.txt"}
    paths |= {f"grader/{name}": path for name, path in worker_files().items()}
    return {name: path.read_bytes() for name, path in paths.items()}


def _digest(base: str, base_id: str | None, files: dict[str, bytes], wheels: list[Path]) -> str:
    digest = hashlib.sha256()
    # A base that is pulled by name may move on; only one made here is told apart by what it holds.
    for part in (base, base_id or "" if base == LOCAL_BASE else "", *(wheel.name for wheel in wheels)):
        digest.update(part.encode() + b"\0")
    for name, data in files.items():
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:16]


def _context(files: dict[str, bytes], wheels: list[Path]) -> bytes:
    """Pack the build context, the same bytes for the same inputs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in [*files.items(), *((f"wheels/{wheel.name}", wheel.read_bytes()) for wheel in wheels)]:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _build(engine: Engine, name: str, base: str, context: bytes, offline: bool, progress: Progress) -> None:
    options: dict[str, Any] = {
        "tag": name,
        "target": "sandbox",
        "buildargs": {"BASE_IMAGE": base, "EXTRA_INDEX_URL": os.environ.get(INDEX_VARIABLE, "")},
        "labels": {LABEL: "1"},
    }
    if offline:
        options["network_mode"] = "none"
    failure = ""
    for line in _lines(engine.build(context, options)):
        if line.startswith("error: "):
            failure = line.removeprefix("error: ")
        else:
            progress(line[:LINE_CHARS])
    if failure or engine.image_id(name) is None:
        raise HarnessError(_advice(failure, base, offline))


def _lines(messages: Iterable[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        if "error" in message:
            yield f"error: {message['error']}"
        elif line := str(message.get("stream", "")).strip():
            yield line


def _advice(failure: str, base: str, offline: bool) -> str:
    said = f"the sandbox image could not be built on {base}: {failure or 'the engine gave no reason'}. "
    if not offline and re.search(r"pip install|returned a non-zero code", failure):
        return said + (
            f"If the build has no way to a package index, `make image` fetches the packages first and builds without a "
            f"network; a package index with torch's build for CPUs can be named in {INDEX_VARIABLE}."
        )
    return said + (
        f"Where {base} cannot be pulled, `make image` makes a base with debootstrap and builds on it; "
        f"or name a base that the engine has (Python 3.11 or later with venv) in {BASE_VARIABLE}; "
        "or use --sandbox bubblewrap, which needs no image."
    )
