"""Where the project's own data lies: beside the package in a checkout, inside it when installed from a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE / "_data" if (PACKAGE / "_data").is_dir() else PACKAGE.parent

RUBRICS = DATA / "rubrics"
FIXTURES = DATA / "fixtures"
REFERENCE = DATA / "reference"
CHECKS = PACKAGE / "checks"
DEFAULT_RUBRIC = RUBRICS / "minigpt-matmul.toml"
