"""The key file keeps what each kit holds, for nobody but the grader."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.errors import HarnessError, UsageError
from grader.kit import keys
from grader.kit.keys import Key

ONE = Key(kit="k-1", made_at="2026-01-01T00:00:00+00:00", seed=1, positions="rope", bugs=("a-b",), classes=("mask",))


def test_keys_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Adding a key keeps the earlier ones, and makes the folder where there is none."""
    path = tmp_path / "new" / "kits.toml"
    two = ONE.model_copy(update={"kit": "k-2", "seed": 7})
    keys.add(path, ONE)
    keys.add(path, two)
    assert keys.read(path) == {"k-1": ONE, "k-2": two}


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """The file says which bugs are where: its owner reads it and nobody else."""
    keys.add(tmp_path / "kits.toml", ONE)
    assert (tmp_path / "kits.toml").stat().st_mode & 0o077 == 0


def test_no_file_is_no_keys(tmp_path: Path) -> None:
    """Before the first kit there is nothing to know."""
    assert keys.read(tmp_path / "kits.toml") == {}


@pytest.mark.parametrize("text", ["[[kits]]\nkit = 1\n", "kits = 3\n", "[[kits]", "[[kits]]\nkit = 'k-1'\n", "\0"])
def test_a_broken_file_is_the_graders_fault(tmp_path: Path, text: str) -> None:
    """A key that cannot be read must not cost a candidate points: the harness fails, and names the file."""
    path = tmp_path / "kits.toml"
    path.write_text(text)
    with pytest.raises(HarnessError, match=r"kits\.toml"):
        keys.read(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Before a kit is made, whoever makes it learns that its key has no place."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--keys"):
        keys.add(tmp_path / "file" / "kits.toml", ONE)


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline says once where keys are; without it they lie among the user's data, never in a checkout."""
    monkeypatch.setenv(keys.VARIABLE, str(tmp_path / "mine.toml"))
    assert keys.default_path() == tmp_path / "mine.toml"
    monkeypatch.delenv(keys.VARIABLE)
    assert keys.default_path().name == "kits.toml"
    assert Path(__file__).resolve().parents[2] not in keys.default_path().parents
