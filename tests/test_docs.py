"""What the documents point at exists."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(document: Path) -> set[str]:
    """Give the anchors that a reader on the web can jump to: headings in lower case, with hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """A link inside the repository leads to a file that exists, and to a heading that it has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            name, _, anchor = target.partition("#")
            path = (document.parent / name).resolve() if name else document
            assert path.exists(), f"{document.name} links to {target}"
            assert not anchor or anchor in anchors(path), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_exist(document: Path) -> None:
    """A file of the grader that a document names in code is where the document says."""
    text = document.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:grader|scripts|tests|bench|rubrics|reference|docs)/[\w./-]*\w/?)`", text):
        assert (ROOT / name).exists(), f"{document.name} names {name}"


def test_every_dependency_has_its_reason() -> None:
    """Each package that is installed with the grader says in docs/decisions.md what it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    for requirement in listed:
        name = re.split(r"[=;<> \[]", requirement)[0]
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", decisions, re.MULTILINE), name


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "docs" / "pipelines.md"], ids=lambda path: path.name)
def test_options_of_grade_exist(document: Path) -> None:
    """Every option that an example gives to `grade` is one that `grade --help` knows."""
    commands = re.findall(r"^.*\.venv/bin/grade ((?:.*\\\n)*.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    options = {option for command in commands for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", command)}
    assert options
    shown = subprocess.run(
        [Path(sys.executable).parent / "grade", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    missing = {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown)}
    assert not missing


def test_the_validity_page_tells_of_a_run_without_a_surprise_over_every_criterion() -> None:
    """docs/validity.md is what `grader validity` wrote, about the criteria that there are."""
    made = (ROOT / "docs" / "validity.md").read_text(encoding="utf-8")
    assert "Made by `grader validity`" in made and "None: every verdict was the expected one." in made
    rubric = tomllib.loads((ROOT / "rubrics" / "minigpt-matmul.toml").read_text(encoding="utf-8"))
    for line in rubric["criteria"]:
        assert f"| `{line['id']}` |" in made, line["id"]
