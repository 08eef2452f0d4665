"""What bubblewrap shows of this machine's Python: the interpreter, its standard library, and the packages needed."""

from __future__ import annotations

import contextlib
import csv
import functools
import importlib.metadata
import io
import json
import os
import sys
from pathlib import Path

import platformdirs

from grader.errors import HarnessError

PACKAGES = ("torch", "numpy", "safetensors", "pytest")
SITE = "/opt/site"
TOLD = Path(__file__).with_name("site.pth")  # names SITE, to each interpreter that is started inside
PYTHON = "/opt/python"
# Where the dynamic loader looks; nothing of /usr but its libraries is needed.
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/lib32")


def interpreter() -> tuple[str, list[str]]:
    """Give the interpreter's path inside and the bwrap arguments that put it there, site-packages masked by SITE."""
    args: list[str] = []
    for name in LIBRARIES:
        path = Path(name)
        if path.is_symlink():
            args += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            args += ["--ro-bind", name, name]
    if Path("/etc/ld.so.cache").exists():
        args += ["--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    prefix = Path(sys.base_prefix).resolve()
    binary = Path(os.path.realpath(sys.executable))
    if prefix == Path("/usr"):
        inside = str(binary)
        args += ["--ro-bind", inside, inside]
        libraries = [(Path("/usr/lib"), "/usr/lib"), (Path("/usr/lib64"), "/usr/lib64")]
    else:
        # Under a name of its own, so that what a submission prints of it tells nothing of the host's homes.
        inside = f"{PYTHON}/bin/python3"
        args += ["--ro-bind", str(binary), inside, "--setenv", "LD_LIBRARY_PATH", f"{PYTHON}/lib"]
        libraries = [(prefix / name, f"{PYTHON}/{name}") for name in ("lib", "lib64")]
        for folder, at in libraries:
            if folder.is_dir() and not folder.is_symlink():
                args += ["--ro-bind", str(folder), at]
    for folder, at in libraries:
        if folder.is_dir() and not folder.is_symlink():
            for packages in sorted(folder.glob("python3*/*-packages")):
                masked = f"{at}/{packages.relative_to(folder)}"
                args += ["--size", "4096", "--perms", "0555", "--tmpfs", masked]
                args += ["--ro-bind", str(TOLD), f"{masked}/{TOLD.name}", "--remount-ro", masked]
    return inside, args


@functools.cache
def packages() -> tuple[str, ...]:
    """Give the bwrap arguments that put PACKAGES and all they depend on under SITE, entry by entry."""
    args: list[str] = []
    for source, entry in _remembered():
        args += ["--ro-bind", source, f"{SITE}/{entry}"]
    return tuple(args)


def _remembered() -> list[list[str]]:
    """Give source and name of every entry: looked up once, and again when a folder of packages has changed."""
    folders = [(path, Path(path).stat().st_mtime_ns) for path in sys.path if _holds_packages(path)]
    state = json.dumps([PACKAGES, sys.version, folders])
    memory = Path(platformdirs.user_cache_dir("grader")) / "packages.json"
    try:
        kept = json.loads(memory.read_text())
        if kept["state"] == state:
            return list(kept["entries"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    entries = _look_up()
    with contextlib.suppress(OSError):  # a home that cannot be written to only costs the time
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps({"state": state, "entries": entries}))  # torn, it is no JSON, and made again
    return entries


def _holds_packages(path: str) -> bool:
    return path.endswith("-packages") and Path(path).is_dir()


def _look_up() -> list[list[str]]:
    found: list[list[str]] = []
    for name in _closure(PACKAGES):
        distribution = importlib.metadata.distribution(name)
        for entry in _entries(distribution):
            source = Path(str(distribution.locate_file(entry)))
            if source.exists():
                found.append([str(source.resolve()), entry])
    return found


def _closure(names: tuple[str, ...]) -> list[str]:
    """Follow the declared dependencies, as they apply on this machine, without extras."""
    # Late: packaging comes with pytest, and reading requirements is only needed where bubblewrap is used.
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError as error:
            raise HarnessError(
                f"the package {name} is needed in the sandbox and is not installed beside the grader; "
                f"install it: {sys.executable} -m pip install {name}"
            ) from error
        found[name] = None
        for text in needs:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name)
    return sorted(found)


def _entries(distribution: importlib.metadata.Distribution) -> list[str]:
    """Give what a distribution laid directly into site-packages."""
    record = distribution.read_text("RECORD") or ""
    tops = {row[0].split("/", 1)[0] for row in csv.reader(io.StringIO(record)) if row}
    return sorted(top for top in tops if top not in ("", "..", "__pycache__") and not top.endswith(".pth"))
