"""`--version` names what verdicts rest on; completion is there for three shells, and writes nothing unasked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grader import __version__, admin, cli, rubric, version
from grader.project import DEFAULT_RUBRIC

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("name", ["grade", "grader"])
def test_version_has_the_digests(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also beside arguments that are wrong; the rubric's digest is the one that scorecards name."""
    application = cli.app if name == "grade" else admin.app
    assert cli.run(application, name, ["--version"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"{name} {__version__}"
    assert rubric.digest(rubric.load(DEFAULT_RUBRIC)) in out
    assert len(re.findall(r"^(?:rubric|fixtures|reference) +sha256:[0-9a-f]{64}$", out, re.MULTILINE)) == 3


def test_a_changed_byte_or_name_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixtures that somebody edited do not pass for ours; compiled files beside them are nothing."""
    monkeypatch.setattr("grader.project.FIXTURES", tmp_path)
    seen = set()
    for name, text in (("a", "1"), ("a", "2"), ("b", "2")):
        (tmp_path / name).write_text(text)
        seen.add(version.digests())
    (tmp_path / "__pycache__").mkdir()
    seen.add(version.digests())
    assert len(seen) == 3


def ask(name: str, home: Path, **variables: str) -> str:
    """Run a command as a shell's completion does, in a home of its own, which must stay empty."""
    environment = os.environ | {"HOME": str(home)} | variables
    done = subprocess.run([BIN / name], env=environment, cwd=home, capture_output=True, text=True, timeout=60)
    assert not list(home.iterdir()), "a file was written that nobody asked for"
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["grade", "grader"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(tmp_path: Path, name: str, shell: str) -> None:
    """The script names the command, and asks it at each key."""
    variable = f"_{name.upper()}_COMPLETE"
    script = ask(name, tmp_path, **{variable: f"source_{shell}"})
    assert f"{variable}=complete_{shell}" in script and name in script


def test_options_verbs_and_values_are_completed(tmp_path: Path) -> None:
    """In the way in which each shell asks."""
    bash = {"COMP_WORDS": "grade --sandbox b", "COMP_CWORD": "2", "_GRADE_COMPLETE": "complete_bash"}
    assert ask("grade", tmp_path, **bash).split() == ["bubblewrap"]
    zsh = {"_TYPER_COMPLETE_ARGS": "grader resc", "_GRADER_COMPLETE": "complete_zsh"}
    assert '"rescore"' in ask("grader", tmp_path, **zsh)
    fish = {"_TYPER_COMPLETE_ARGS": "grade --jun", "_GRADE_COMPLETE": "complete_fish"}
    assert ask("grade", tmp_path, **fish, _TYPER_COMPLETE_FISH_ACTION="get-args").split()[0] == "--junit"


def test_bash_completes_for_real(tmp_path: Path) -> None:
    """The script is sourced, and its function called as bash calls it."""
    script = ask("grader", tmp_path, _GRADER_COMPLETE="source_bash")
    asked = "COMP_WORDS=(grader pru); COMP_CWORD=1; _grader_completion grader; echo ${COMPREPLY[@]}"
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{asked}"],
        env=os.environ | {"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["prune"], done.stderr
