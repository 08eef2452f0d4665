"""grader.toml: from here or above, beaten by options, never from a submission, named to the key when broken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from grader import admin, cli, options, settings
from grader.errors import UsageError
from grader.project import DEFAULT_RUBRIC
from grader.settings import NAME, Settings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder in it, which is the current one."""
    folder = tmp_path / "repository" / "round"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_without_a_file_the_defaults_hold(here: Path) -> None:
    """Nobody needs a grader.toml."""
    assert settings.load() == Settings()


def test_the_nearest_file_counts_and_paths_are_from_its_folder(here: Path) -> None:
    """One for the repository serves its folders; one nearer takes its place whole."""
    (here.parent / NAME).write_text('rubric = "ours.toml"\nout = "results"\nmin_score = 70\n')
    found = settings.load()
    assert (found.rubric, found.out, found.min_score) == (Path("../ours.toml"), Path("../results"), 70)
    (here / NAME).write_text('sandbox = "docker"\n')
    assert settings.load() == Settings(sandbox="docker")


@pytest.mark.parametrize(
    ("submission", "folder"), [("..", ".."), (".", "."), ("../../repository", ".."), ("..", "."), ("../x/..", "..")]
)
def test_a_file_inside_a_submission_is_not_read(here: Path, submission: str, folder: str) -> None:
    """A candidate sets no threshold and chooses no rubric; the repository around the submission does."""
    path = (here / folder).resolve() / NAME
    (here.parent / "x").mkdir()
    path.write_text("min_score = 0\n")
    found = settings.load([Path(submission)])
    assert found.min_score is None and found.passed_over == (path,)
    (here.parent.parent / NAME).write_text("min_score = 70\n")
    assert settings.load([Path(submission)]).min_score == 70


def test_a_file_that_anybody_may_have_put_there_is_not_read(here: Path) -> None:
    """In /tmp and the like (sticky) every user may write."""
    (here.parent / NAME).write_text("min_score = 1\n")
    here.parent.chmod(0o1777)
    assert settings.load() == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min_scor = 70", "min_scor: no such key; did you mean 'min_score'? (allowed: rubric, min_score, sandbox,"),
        ('min_score = "70 %"', "min_score is '70 %'; it must be a number"),
        ("min_score = nan", "min_score is nan; it must be a finite number"),
        ('sandbox = "chroot"', "sandbox is 'chroot'; allowed: 'auto', 'docker' or 'bubblewrap'"),
        ("retention_days = 0", "retention_days is 0; it must be at least 1"),
        ("out = ", "is not TOML"),
    ],
)
def test_a_broken_file_is_named_to_the_key(here: Path, text: str, said: str) -> None:
    """As a rubric's: file, key, value, and what is allowed."""
    (here / NAME).write_text(text)
    with pytest.raises(UsageError) as caught:
        settings.load()
    assert str(caught.value).startswith(f"settings {here / NAME}") and said in str(caught.value)


def init(*arguments: str) -> int:
    return cli.run(admin.app, "grader", ["init", *arguments])


def test_init_writes_a_file_that_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands it is the defaults and a retention; with every comment taken away it is still valid."""
    assert init() == 0
    assert capsys.readouterr().out == "grader.toml is written\n"
    assert settings.load() == Settings(retention_days=90)
    text = (here / NAME).read_text()
    (here / NAME).write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert settings.load() == Settings(rubric=Path("rubric.toml"), min_score=70, retention_days=90)
    assert set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE)) == set(settings.Written.model_fields)


def test_init_makes_the_folder_and_overwrites_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second init, a file in the way and a folder that cannot be made are each one line, status 2."""
    assert init("hiring/2026") == 0
    (here / "hiring/2026" / NAME).write_text("min_score = 1\n")
    assert init("hiring/2026") == init(f"hiring/2026/{NAME}") == init(f"hiring/2026/{NAME}/x") == 2
    assert (here / "hiring/2026" / NAME).read_text() == "min_score = 1\n"
    assert capsys.readouterr().err.count("\n") == 3


def test_the_default_rubric_is_the_one_of_the_help() -> None:
    """What --help says holds when nothing is said."""
    [option] = get_args(options.RubricFile)[1:]
    assert option.help.endswith(f"[default: rubrics/{DEFAULT_RUBRIC.name}]")
