"""The arrows between the grader's modules point one way, and the wall runs where docs/architecture.md draws it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "grader"

# What a module of grader/ may import besides itself and FOUNDATION; a folder counts as one module. A new module takes
# its place here, so that somebody thinks about which layer it is in.
FOUNDATION = {"models", "errors", "project"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "project": set(),
    "models": set(),
    "wire": set(),
    "worker": {"wire"},
    "intake": set(),
    "archive": {"intake"},
    "submission": {"archive", "intake"},
    "toml": set(),
    "rubric": {"toml"},
    "settings": {"toml"},
    "version": {"rubric", "submission"},
    "options": set(),
    "init": {"settings"},
    "score": set(),
    "fixtures": set(),
    "report": {"intake"},
    "sandbox": set(),
    "terminal": {"intake", "report"},
    "store": {"report", "sandbox"},
    "blind": set(),
    "review": {"blind", "options", "report", "rubric", "score", "settings", "store", "terminal"},
    "prune": {"blind", "options", "review", "rubric", "settings", "store", "terminal"},
    "compare": {"options", "report", "settings", "terminal"},
    "rescore": {"options", "report", "rubric", "score", "settings", "store", "terminal"},
    "kit": {"fixtures", "intake", "rubric"},
    "candidate": {"sandbox", "wire"},
    "checks": {"candidate", "fixtures", "kit"},
    "judge": {"candidate", "checks"},
    "grade": {"candidate", "judge", "kit", "sandbox", "score", "submission"},
    "preload": {"grade", "judge"},
    "scratch": set(),
    "capacity": set(),
    "batch": {"grade", "preload", "sandbox", "score", "scratch"},
    "executor": {"batch", "capacity", "sandbox"},
    "cluster": {"batch", "capacity", "grade"},
    "cli": {
        "kit",
        "blind",
        "cluster",
        "executor",
        "options",
        "review",
        "rubric",
        "settings",
        "store",
        "submission",
        "terminal",
        "version",
    },
    "export": {"options", "rubric", "settings", "store"},
    "validity": {"batch", "options", "report", "rubric", "sandbox", "scratch", "store"},
    "admin": {
        "export",
        "blind",
        "cli",
        "cluster",
        "compare",
        "init",
        "kit",
        "prune",
        "rescore",
        "review",
        "sandbox",
        "terminal",
        "validity",
        "version",
    },
}
# What is promised to a submission anyway, and the wire.
WORKER_ALSO = {"torch", "safetensors", "numpy", "pytest", "_pytest"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def unit(path: Path) -> str:
    """Name the top-level module or folder of grader/ that holds path; `grader` for the package itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "grader" if first == "__init__" else first


def imports(path: Path) -> set[str]:
    """Give the dotted names that a file imports anywhere, functions and type-checking blocks included."""
    package = ("grader", *path.relative_to(PACKAGE).parts[:-1])
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            base = ".".join(part for part in (parent, node.module or "") if part)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def grader_units(path: Path) -> set[str]:
    """Give the units of grader/ that a file imports, its own excepted."""
    found = {name.split(".")[1] for name in imports(path) if name.startswith("grader.")}
    return {name for name in found if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()} - {unit(path)}


def importers(package: str) -> set[str]:
    """Give the files of grader/ that import a package, as posix paths."""
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    """A lower layer never learns of a higher one, so each can be read and tested without what stands on it."""
    if unit(path) == "grader":
        assert grader_units(path) == set()
        return
    assert unit(path) in MAY_IMPORT, f"give {unit(path)} its place in MAY_IMPORT"
    not_allowed = grader_units(path) - MAY_IMPORT[unit(path)] - (FOUNDATION if unit(path) != "worker" else set())
    assert not not_allowed, f"{path.name} imports {sorted(not_allowed)}"


def test_the_table_has_no_cycle() -> None:
    """ "One way" means something: each module imports only such as stand above it in the table."""
    order = list(MAY_IMPORT)
    for name, targets in MAY_IMPORT.items():
        assert all(order.index(target) < order.index(name) for target in targets), name


def test_the_table_is_used() -> None:
    """Every module and every arrow of the table exists, so that the table is not about an earlier grader."""
    assert {unit(path) for path in modules()} - {"grader"} == set(MAY_IMPORT)
    for name, targets in MAY_IMPORT.items():
        used = set().union(*(grader_units(path) for path in modules() if unit(path) == name))
        assert targets <= used, f"{name} does not import {sorted(targets - used)}"


def test_the_worker_stands_alone() -> None:
    """The worker runs beside the submission: whatever it imported of the grader would be in reach of the submission."""
    allowed = set(sys.stdlib_module_names) | WORKER_ALSO
    for path in sorted((PACKAGE / "worker").glob("*.py")):
        for name in imports(path):
            inside = name == "grader.wire" or name.startswith(("grader.wire.", "grader.worker"))
            assert inside or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_nothing_imports_the_worker() -> None:
    """Code that handles a submission's objects never runs on the judge's side."""
    assert not [path for path in importers("grader.worker") if not path.startswith("worker/")]


def test_docker_is_known_in_one_file() -> None:
    """Only the docker backend speaks to an engine; everything else sees a Sandbox."""
    assert importers("docker") == {"sandbox/docker.py"}


def test_dask_is_known_in_one_file() -> None:
    """Who grades on one machine needs no cluster's packages."""
    assert importers("distributed") | importers("dask") == {"cluster.py"}


def test_the_web_is_known_in_one_folder() -> None:
    """Who grades, or marks in a terminal, needs no server's packages."""
    found = importers("starlette") | importers("uvicorn")
    assert found and all(path.startswith("review/desk/") for path in found)


def test_sql_is_known_in_one_file() -> None:
    """What is kept of reviews, and how, is said in one place."""
    assert importers("sqlite3") == {"review/book.py"}


def test_jinja_is_known_in_one_folder() -> None:
    """HTML is made in one place, with autoescape on."""
    assert importers("jinja2")
    assert all(path.startswith("report/") for path in importers("jinja2"))


def test_no_pickle_on_the_judges_side() -> None:
    """Nothing that a submission sent can become code: the grader has no pickle and no torch.load."""
    assert not importers("pickle") | importers("marshal") | importers("shelve") | importers("dill")
    for path in modules():
        assert "torch.load" not in path.read_text(encoding="utf-8"), path


def test_no_parser_reads_sources_on_the_judges_side() -> None:
    """Deep nesting has crashed Python's parser: what a candidate wrote in Python is parsed inside the wall alone."""
    parsers = set().union(*map(importers, ("ast", "tokenize", "symtable", "inspect", "linecache", "pygments")))
    assert {path for path in parsers if not path.startswith("worker/")} == {"kit/disguise.py"}  # reads the reference
    ours = {"toml.py", "kit/bugs.py", "kit/cuts.py", "kit/keys.py", "validity/corpus.py"}  # read what we wrote
    assert importers("tomllib") - ours == {"intake.py"}


@pytest.mark.parametrize("module", ["grader.cli", "grader.admin", "grader.batch"])
def test_the_command_line_starts_without_torch(module: str) -> None:
    """`grade --help` and every usage error answer at once; torch is the child's to import."""
    done = python(
        f"import sys, {module}\n"
        "print(sorted({'torch', 'numpy', 'docker', 'jinja2', 'pytest', 'starlette', 'sqlite3'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_imports_without_what_only_linux_has() -> None:
    """On macOS the grader imports and shows its help: what only Linux has is imported where it is used.

    fcntl, resource and termios are there on macOS; pyseccomp and the rest of this list are not.
    """
    names = [
        ".".join(("grader", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in modules()
        if unit(path) not in {"worker", "checks"} and path.name not in {"__init__.py", "__main__.py"}
    ]
    done = python(
        "import importlib, json, os, sys, sysconfig\n"
        "sysconfig.get_config_vars()\n"  # reads a file named after the platform it was built for
        "import torch\n"  # what others do on each system is theirs; ours is what is tested
        "for name in ('pyseccomp', 'seccomp', 'spwd'):\n"
        "    sys.modules[name] = None\n"
        "for name in ('memfd_create', 'pidfd_open', 'unshare', 'setns', 'sched_getaffinity', 'sched_setaffinity',\n"
        "             'posix_fadvise', 'prlimit'):\n"
        "    vars(os).pop(name, None)\n"
        "sys.platform = 'darwin'\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    print(json.dumps(name))\n"
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == names


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the configuration of the machine, not of the project."""
    dot = "."
    hosts = [
        dot.join(parts).encode()
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("download", "pytorch", "org"),
            ("deb", "debian", "org"),
            ("registry", "npmjs", "org"),
            ("registry-1", "docker", "io"),
        )
    ]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert files
    for path in files:
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            for host in hosts:
                assert host not in content, f"{path.relative_to(ROOT)} names {host.decode()}"
