"""The pipeline guide followed to the letter: a hiring repository, a candidate's fork, and both workflows step by step.

A runner of a few lines carries out what the files say; of the platform's own actions it knows what each does to files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "pipelines.md").read_text().split("### Candidates as pull requests from forks")[1]
WHO = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
KEYS = (
    '[[kits]]\nkit = "k-12345678"\nmade_at = "x"\nseed = 1\npositions = "learned"\n'
    'bugs = ["scale-none"]\nclasses = ["scaling"]\n'
)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *WHO, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Runner:
    """A machine that carries out one job: the shell for real, `${{ }}` from what is known, artifacts as folders."""

    def __init__(self, home: Path, artifacts: Path, repositories: dict[str, Path], known: dict[str, str]) -> None:
        self.work, self.temp = home / "work", home / "temp"
        self.work.mkdir(parents=True)
        self.temp.mkdir()
        self.artifacts, self.repositories = artifacts, repositories
        self.known = {"runner.temp": str(self.temp), "github.token": "token", **known}
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "GITHUB_REPOSITORY": "acme/hiring",
            "GITHUB_ENV": str(self.temp / "env"), "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"),
        }  # fmt: skip
        self.failed = False

    def fill(self, value: Any) -> str:
        """Give a value of a workflow with its expressions filled in; one that is not known is an error."""
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: self.known[found[1]], str(value))

    def wanted(self, step: dict[str, Any]) -> bool:
        """Tell whether a step's condition holds: comparisons with a literal, joined by &&."""
        parts = step.get("if", "").split(" && ") if "if" in step else []
        if "always()" not in parts and self.failed:
            return False
        for name, sign, literal in (
            re.fullmatch(r"(\S+) (==|!=) '(.*)'", p).groups() for p in parts if p != "always()"
        ):
            value = self.environment.get(name[4:], "") if name.startswith("env.") else self.known.get(name, "")
            if (value == literal) is (sign == "!="):
                return False
        return True

    def job(self, steps: list[dict[str, Any]], action: Path | None = None) -> None:
        for step in filter(self.wanted, steps):
            given = {name: self.fill(value) for name, value in step.get("with", {}).items()}
            if "run" in step:
                self.shell(step, action)
            elif step["uses"].startswith("acme/ml-screen-grader@"):
                self.composite(step, given, self.repositories["acme/ml-screen-grader"])
            else:
                self.foreign(step["uses"].split("@")[0], given)

    def shell(self, step: dict[str, Any], action: Path | None) -> None:
        output = self.temp / "output"
        output.write_text("")
        mine = {name: self.fill(value) for name, value in step.get("env", {}).items()}
        mine |= {"GITHUB_OUTPUT": str(output)} | ({"GITHUB_ACTION_PATH": str(action)} if action else {})
        command = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=self.work, env=self.environment | mine, check=False)
        self.failed = self.failed or done.returncode != 0
        self.known["status"] = str(done.returncode)
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.known[f"steps.{step.get('id')}.outputs.{name}"] = value
        told = Path(self.environment["GITHUB_ENV"])
        if told.exists():
            self.environment |= dict(line.split("=", 1) for line in told.read_text().splitlines())

    def composite(self, step: dict[str, Any], given: dict[str, str], home: Path) -> None:
        action = yaml.safe_load((home / "action.yml").read_text())
        outer, self.known = self.known, dict(self.known)
        for name, meant in action["inputs"].items():
            self.known[f"inputs.{name}"] = given.pop(name, meant.get("default", ""))
        assert not given, f"inputs that the action does not have: {given}"
        self.job(action["runs"]["steps"], home)
        told = {name: self.fill(meant["value"]) for name, meant in action["outputs"].items()}
        outer["status"] = self.known["status"]
        self.known = outer | {f"steps.{step['id']}.outputs.{name}": value for name, value in told.items()}

    def foreign(self, name: str, given: dict[str, str]) -> None:
        if name == "actions/checkout":
            source = self.repositories[given.get("repository", "acme/hiring")]
            target = self.work / given.get("path", ".")
            shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        elif name == "actions/upload-artifact":
            shutil.copytree(self.work / given["path"], self.artifacts / given["name"], dirs_exist_ok=True)
        elif name == "actions/download-artifact":
            shutil.copytree(self.artifacts / given["name"], Path(given["path"]))
        else:
            assert name in ("actions/setup-python", "actions/cache"), name


@pytest.fixture
def grader(tmp_path: Path) -> Path:
    """The grader as an action finds it: its files, and the environment that setup.sh makes."""
    home = tmp_path / "ml-screen-grader"
    home.mkdir()
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in ("submissions", "reports", "build"):
            (home / path.name).symlink_to(path)
    (home / ".venv").symlink_to(sys.prefix)
    return home


@pytest.fixture
def hiring(tmp_path: Path) -> Path:
    """A hiring repository, made by the guide's numbered steps."""
    assert "1. Copy both files; replace `OWNER`" in GUIDE and "2. Put `rubric.toml`" in GUIDE
    home = tmp_path / "hiring"
    workflows = home / ".github" / "workflows"
    workflows.mkdir(parents=True)
    for name in re.findall(r"\((examples/github/\w+\.yml)\)", GUIDE):
        text = (ROOT / "docs" / name).read_text()
        (workflows / Path(name).name).write_text(text.replace("OWNER", "acme"))
    assert len(list(workflows.iterdir())) == 2
    shutil.copy(ROOT / "rubrics" / "minigpt-matmul.toml", home / "rubric.toml")
    git(home, "init", "-q", "-b", "main")
    git(home, "add", ".")
    git(home, "commit", "-q", "-m", "begin")
    return home


@pytest.mark.docker
def test_a_pull_request_from_a_fork_ends_in_a_report_and_one_comment(
    tmp_path: Path, hiring: Path, grader: Path
) -> None:
    """The right status, report, artifact and comment; nothing counts that the fork changed beside its submission."""
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "-q", str(hiring), str(fork))
    shutil.copytree(ROOT / "submissions" / "carol", fork / "submission")
    (fork / "submission" / "submission.toml").write_text('kit = "k-12345678"\n[[diagnosis]]\nbug = "scaling"\n')
    rubric = (fork / "rubric.toml").read_text()
    (fork / "rubric.toml").write_text(re.sub(r"^max_score = .*", "max_score = 1000", rubric, flags=re.MULTILINE))
    git(fork, "add", ".")
    git(fork, "commit", "-q", "-m", "please")
    head = git(fork, "rev-parse", "HEAD")
    artifacts = tmp_path / "artifacts"

    submit = yaml.safe_load((hiring / ".github/workflows/submit.yml").read_text())
    Runner(tmp_path / "one", artifacts, {"acme/hiring": fork}, {}).job(submit["jobs"]["pack"]["steps"])
    assert (artifacts / "submission" / "matmul.py").exists() and not (artifacts / "submission" / "rubric.toml").exists()

    grade = yaml.safe_load((hiring / ".github/workflows/grade.yml").read_text())["jobs"]
    known = {"secrets.GRADER_KEYS": KEYS, "github.event.workflow_run.id": "1"}
    known["github.event.workflow_run.head_sha"] = head
    places = {"acme/hiring": hiring, "acme/ml-screen-grader": grader}
    runner = Runner(tmp_path / "two", artifacts, places, known)
    runner.job(grade["grade"]["steps"])
    assert runner.known["status"] == "0" and not runner.failed
    [report] = (artifacts / f"grade-{head}").glob("*/report.html")
    card = json.loads(report.with_name("scorecard.json").read_text())
    assert card["max_score"] == 100 and 20 < card["score"] < 50
    assert {line["id"]: line["verdict"] for line in card["criteria"]}["diagnosis.bugs"] == "accepted"
    assert "1 submission, 1 graded" in (runner.temp / "summary.md").read_text()

    told = tmp_path / "bin" / "gh"
    told.parent.mkdir()
    told.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\ncase "$*" in *pulls*) echo 12 ;; esac\n')
    told.chmod(0o755)
    [outcome] = re.findall(r"steps\.\w+\.outputs\.line", grade["grade"]["outputs"]["line"])
    runner = Runner(tmp_path / "three", artifacts, places, known | {"needs.grade.outputs.line": runner.known[outcome]})
    runner.environment |= {"PATH": f"{told.parent}:{os.environ['PATH']}"}
    runner.environment |= {name: runner.fill(value) for name, value in grade["comment"]["env"].items()}
    runner.job(grade["comment"]["steps"])
    assert not runner.failed
    calls = (tmp_path / "calls").read_text()
    assert head in calls and "issues/12/comments" in calls and f"{card['score']:g} of 100" in calls
