"""A Gradescope autograder: a .zip with setup.sh, run_autograder and the whole grader."""

from __future__ import annotations

import io
import re
import zipfile
from importlib import metadata
from pathlib import Path

from grader.errors import UsageError
from grader.project import DATA, FIXTURES, PACKAGE, REFERENCE, RUBRICS

TEMPLATES = Path(__file__).resolve().parent / "templates"
DISTRIBUTION = "ml-screen-grader"
MADE = (1980, 1, 1, 0, 0, 0)  # the same grader gives the same bytes
LEFT_OUT = ("__pycache__", "_data")


def bundle(rubric: Path, keys: Path | None) -> bytes:
    """Give the bundle. Raises UsageError where keys cannot be read."""
    files = {name: (TEMPLATES / name).read_bytes() for name in ("setup.sh", "run_autograder")}
    files["requirements.txt"] = "".join(f"{line}\n" for line in requirements()).encode()
    files["constraints.txt"] = (DATA / "constraints.txt").read_bytes()
    files["rubric.toml"] = rubric.read_bytes()
    if keys is not None:
        try:
            files["kits.toml"] = keys.read_bytes()
        except OSError as error:
            raise UsageError(f"--keys {keys} cannot be read: {error.strerror}") from None
    for path in _below(PACKAGE):
        files[f"grader/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    for folder in (RUBRICS, FIXTURES, REFERENCE):
        for path in _below(folder):
            files[f"grader/_data/{folder.name}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    for name in ("Dockerfile", "constraints.txt"):
        files[f"grader/_data/{name}"] = (DATA / name).read_bytes()
    return _zip(files)


def requirements() -> list[str]:
    """Give what the grader needs, as pip reads it, without extras. Raises UsageError where it is not installed."""
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise UsageError(
            f"{DISTRIBUTION} is not installed here, so nobody knows what it needs; pip install it"
        ) from None
    return sorted(line for line in wanted if not re.search(r";.*\bextra\b", line))


def _below(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if not set(path.relative_to(folder).parts) & set(LEFT_OUT))


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, MADE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name in ("setup.sh", "run_autograder") else 0o644) << 16
            archive.writestr(entry, files[name])
    return packed.getvalue()
