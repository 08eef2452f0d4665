"""Every input that a fuzzer started from or found is run again."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SEEDS = sorted(path for path in (Path(__file__).parent / "seeds").glob("*/*") if path.is_file())


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_fuzzing_found_stays_mended(seed: Path) -> None:
    """No kept input breaks what its target promises; none takes long."""
    importlib.import_module(seed.parent.name).run(seed.read_bytes())


@pytest.mark.parametrize("name", ["wire_judge", "wire_worker", "door_zip", "door_tree"])
def test_nothing_is_an_input_too(name: str) -> None:
    """Each target has seeds, and takes the empty input."""
    assert [path for path in SEEDS if path.parent.name == name]
    importlib.import_module(name).run(b"")
