"""The built wheel is the whole grader: in an empty environment, from any folder, it grades."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and its dependencies from this one, but not this checkout."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = str(home / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    [here] = [Path(path) for path in site.getsitepackages() if (Path(path) / "torch").is_dir()]
    [there] = home.glob("lib/python*/site-packages")
    (there / "dependencies.pth").write_text(f"{here}\n")
    return home / "bin"


def perform(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_data_and_no_test(wheel: Path) -> None:
    """Rubric, fixtures, reference, templates and the image's makings are inside; tests and samples are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "grader/_data/rubrics/minigpt-matmul.toml", "grader/_data/reference/minigpt.py", "grader/_data/Dockerfile",
        "grader/_data/fixtures/learned.safetensors", "grader/report/templates/report.html.j2",
        "grader/worker/__main__.py",
    ):  # fmt: skip
        assert name in names
    assert not [
        name for name in names if name.startswith(("tests/", "submissions/", "bench/")) or "__pycache__" in name
    ]


@pytest.mark.bubblewrap
def test_the_installed_grader_grades_from_any_folder(programs: Path, tmp_path: Path) -> None:
    """Nothing of the checkout is needed: rubric, reference and worker are those of the installed package."""
    shutil.copytree(ROOT / "submissions" / "bob", tmp_path / "bob")
    where = perform(programs / "python", "-c", "import grader; print(grader.__file__)", folder=tmp_path)
    assert where.stdout.startswith(str(programs.parent))
    done = perform(programs / "grade", "bob", "--sandbox", "bubblewrap", "--seed", 3, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 80 < json.loads(done.stdout)["score"] < 95
    assert (tmp_path / "reports" / "bob" / "report.html").exists()


def test_the_installed_commands_answer(programs: Path, tmp_path: Path) -> None:
    """Help, kits and bundles work without the checkout too."""
    assert "Grade submissions" in perform(programs / "grade", "--help", folder=tmp_path).stdout
    assert "kit" in perform(programs / "grader", "--help", folder=tmp_path).stdout
    made = perform(programs / "grader", "export", "gradescope-autograder", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "grader/_data/reference/minigpt.py" in zipfile.ZipFile(tmp_path / "autograder.zip").namelist()
