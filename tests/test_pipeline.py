"""What other platforms run: each file fits its schema, its shell steps work, and no secret comes near a submission."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
import yaml

from grader import admin, cli

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
SUBMIT, GRADE = ROOT / "docs/examples/github/submit.yml", ROOT / "docs/examples/github/grade.yml"
GITLAB = ROOT / "docs/examples/gitlab/grade.gitlab-ci.yml"
ACTION = ROOT / "action.yml"


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())


def schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("path", "name"),
    [(ACTION, "github-actions"), (SUBMIT, "github-workflows"), (GRADE, "github-workflows"), (GITLAB, "gitlab-ci")],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_each_file_fits_the_published_schema(path: Path, name: str) -> None:
    """The platform reads the file: keys, types and triggers are those of its schema."""
    data = {("on" if key is True else key): value for key, value in read(path).items()}  # YAML 1.1 takes `on` for true
    validator = jsonschema.validators.validator_for(schema(name))(schema(name))
    assert [error.message for error in validator.iter_errors(data)] == []
    broken = {**data, "jobs": [], "runs": [], "stages": {"x": 1}}
    assert list(validator.iter_errors(broken))  # the schema would have noticed


def steps() -> list[dict[str, Any]]:
    return read(ACTION)["runs"]["steps"]


def jobs(path: Path) -> dict[str, Any]:
    return read(path)["jobs"]


def example_steps(*paths: Path) -> list[dict[str, Any]]:
    return [step for path in paths for job in jobs(path).values() for step in job["steps"]]


def test_no_value_of_a_candidate_becomes_a_command() -> None:
    """No expression stands in a shell script: what a title, branch or input holds is data in the environment."""
    scripts = [step["run"] for step in (*steps(), *example_steps(SUBMIT, GRADE)) if "run" in step]
    assert len(scripts) >= 6 and not [script for script in scripts if "${{" in script]


def test_every_foreign_action_is_named_by_digest() -> None:
    """What runs beside the keys is what was read when it was chosen; only the grader's own place is to be filled in."""
    used = [step["uses"] for step in steps() if "uses" in step]
    used += [
        step["uses"]
        for path in (SUBMIT, GRADE)
        for job in jobs(path).values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert len(used) >= 8
    for name in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}|OWNER/ml-screen-grader@v0", name), name


def test_the_workflow_of_the_fork_has_no_secret_and_runs_nothing() -> None:
    """A candidate may change it: there is nothing to gain."""
    text = SUBMIT.read_text()
    assert "secrets." not in text and "pull_request_target" not in text
    assert read(SUBMIT)["permissions"] == {"contents": "read"}
    assert not [step for step in example_steps(SUBMIT) if "run" in step]


def test_keys_and_the_right_to_write_never_meet() -> None:
    """The job that holds keys has a token that can only read; the one that may write sees neither."""
    grade, comment = jobs(GRADE)["grade"], jobs(GRADE)["comment"]
    assert read(GRADE)["permissions"] == {} and set(grade["permissions"].values()) == {"read"}
    assert comment["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "secrets" in json.dumps(grade) and "secrets" not in json.dumps(comment)
    assert "download-artifact" not in json.dumps(comment)
    for step in example_steps(SUBMIT, GRADE):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False and step["with"].get("ref", "v0") == "v0"


# --- the shell steps --------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The grader as an action finds it: its files, and the environment that setup.sh would have made."""
    home = tmp_path / "action"
    home.mkdir()
    for name in ("scripts", "grader", "rubrics", "fixtures", "reference"):
        (home / name).symlink_to(ROOT / name)
    for name in ("Dockerfile", "constraints.txt"):
        (home / name).symlink_to(ROOT / name)
    (home / ".venv").symlink_to(Path(sys.prefix))
    return home


def step(name: str) -> dict[str, Any]:
    return next(each for each in steps() if each["name"] == name)


def perform(name: str, home: Path, work: Path, **environment: str) -> tuple[int, str]:
    """Run a step of action.yml as a runner does. Gives its status and what it wrote for later steps."""
    output = work / "output"
    variables = {
        "GITHUB_ACTION_PATH": str(home), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(work / "summary.md"),
        "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONPATH": str(ROOT), **environment,
    }  # fmt: skip
    assert set(environment) <= {*step(name).get("env", {}), "PATH", "GITHUB_REPOSITORY"}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step(name)["run"]], cwd=work, env=variables, check=False
    )
    return done.returncode, output.read_text() if output.exists() else ""


@pytest.mark.bubblewrap
def test_the_grade_step_grades_and_hands_on(checkout: Path, tmp_path: Path) -> None:
    """Reports, JUnit, the job's summary and the outputs are there; the verdict is a later step of its own."""
    shutil.copytree(ROOT / "submissions" / "bob", tmp_path / "submission")
    (tmp_path / "summary.md").write_text("before\n")
    given = {"SUBMISSION": "submission", "SANDBOX": "bubblewrap", "OUT": "out", "MIN_SCORE": "99.5", "SEED": "7"}
    status, output = perform("Grade", checkout, tmp_path, **given, RUBRIC="", KIT="", KEYS="")
    told = dict(line.split("=", 1) for line in output.splitlines())
    assert status == 0 and told["status"] == "1" and told["line"].startswith("submission: ")
    assert 80 < float(told["score"]) < 95
    assert (tmp_path / "out/junit.xml").exists() and (tmp_path / "out/submission/report.html").exists()
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("before\n") and "submission" in summary[7:]
    assert perform("Verdict", checkout, tmp_path, STATUS="1")[0] == 1
    assert perform("Verdict", checkout, tmp_path, STATUS="0")[0] == 0


def test_the_grade_step_says_when_nothing_was_graded(checkout: Path, tmp_path: Path) -> None:
    """A path that is an option, a missing folder: status 2 goes on to the verdict, and no score is made up."""
    for name in ("--rubric", "nowhere"):
        (tmp_path / "output").unlink(missing_ok=True)
        status, output = perform("Grade", checkout, tmp_path, SUBMISSION=name, SANDBOX="bubblewrap")
        assert (status, output) == (0, "status=2\nscore=\nline=not graded: grade ended with status 2\n")


def test_no_character_of_a_candidate_cuts_the_line(tmp_path: Path) -> None:
    """What some take for the end of a line is one to nobody here."""
    card = {
        "notes": "a\u2028b\u0085c", "submission": {"name": "ann"}, "score": 87.5, "max_score": 100, "bonus": 0,
        "pending": 0, "run": {}, "outcome": "graded",
    }  # fmt: skip
    (tmp_path / "cards").write_text(json.dumps(card, ensure_ascii=False) + "\n", encoding="utf-8")
    script = [sys.executable, "-I", str(ROOT / "scripts/ci_line.py"), "0", str(tmp_path / "cards")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.stdout == "status=0\nscore=87.5\nline=ann: 87.5 of 100\n"


def test_what_a_file_holds_already_stays(checkout: Path, tmp_path: Path) -> None:
    """Outside of a runner the line goes to standard output, after all that stands there."""
    log = tmp_path / "log"
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SUBMISSION": "nowhere"}
    with log.open("w") as file:
        script = 'echo before; sh "$0"; echo after'
        command = ["sh", "-c", script, str(checkout / "scripts/grade_in_ci.sh")]
        subprocess.run(command, cwd=tmp_path, env=environment, stdout=file, check=True)
    assert log.read_text() == "before\nstatus=2\nscore=\nline=not graded: grade ended with status 2\nafter\n"


@pytest.mark.bubblewrap
def test_keys_reach_the_diagnosis_and_are_left_nowhere(checkout: Path, tmp_path: Path) -> None:
    """The secret is a file for as long as the step runs, for its owner alone, and in no report."""
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "submission.toml").write_text('kit = "k-secret1"\n[[diagnosis]]\nbug = "scaling"\n')
    keys = (
        '[[kits]]\nkit = "k-secret1"\nmade_at = "x"\nseed = 424242\npositions = "learned"\n'
        'bugs = ["scale-none"]\nclasses = ["scaling"]\n'
    )
    status, output = perform(
        "Grade", checkout, tmp_path, SUBMISSION="submission", SANDBOX="bubblewrap", OUT="out", KEYS=keys
    )
    assert status == 0 and "status=0" in output
    card = json.loads((tmp_path / "out/submission/scorecard.json").read_text())
    assert {c["id"]: c["verdict"] for c in card["criteria"]}["diagnosis.bugs"] == "accepted"
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "action" not in path.parts]
    assert files and not [path for path in files if b"424242" in path.read_bytes()]


@pytest.mark.parametrize("earlier", ["", "77\n78"])
def test_one_comment_is_kept_up_to_date(earlier: str, checkout: Path, tmp_path: Path) -> None:
    """The first run writes a comment, later ones change it; the candidate's words are never part of it."""
    fake = tmp_path / "bin" / "gh"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$*" >>"$CALLS"\ncase "$*" in *--jq*) printf "%s\\n" "$EARLIER" | sed /^$/d;; esac\n'
    )
    fake.chmod(0o755)
    script = step("Comment")["run"]
    variables = {
        "GITHUB_ACTION_PATH": str(checkout), "PATH": f"{fake.parent}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"), "EARLIER": earlier, "PULL_REQUEST": "12", "LINE": "alice: 87 of 100",
        "GITHUB_REPOSITORY": "o/r", "GH_TOKEN": "t",
    }  # fmt: skip
    assert subprocess.run(["bash", "-e", "-c", script], env=variables, check=False).returncode == 0
    last = (tmp_path / "calls").read_text().split("api ")[-1]
    wanted = (
        "--method PATCH repos/o/r/issues/comments/77 " if earlier else "--method POST repos/o/r/issues/12/comments "
    )
    assert last.startswith(wanted) and "`alice: 87 of 100`" in last
    variables["PULL_REQUEST"] = "1; rm -rf /"
    assert subprocess.run(["bash", "-e", "-c", script], env=variables, check=False).returncode == 2


@pytest.mark.bubblewrap
def test_nothing_that_a_merge_request_commits_is_believed(checkout: Path, tmp_path: Path) -> None:
    """GitLab's job: neither a status, nor settings, nor reports of the branch that is graded."""
    project = tmp_path / "project"
    (project / "submission").mkdir(parents=True)
    (project / "reports").mkdir()
    (project / "reports" / "index.html").write_text("all is well")
    (project / "reports" / "reviews.sqlite").write_text("marks")
    (project / "grade.env").write_text("status=0\nscore=100\n")
    (project / "grader.toml").write_text("min_score = -1\nrubric = 'own.toml'\nunknown = 1\n")
    job = read(GITLAB)["grade"]
    script = "\n".join(job["script"]).replace("/opt/grader", str(checkout))
    script = script.replace("/tmp/rubric.toml", str(ROOT / "rubrics/minigpt-matmul.toml"))
    given = {**job["variables"], "SUBMISSION": job["variables"]["SUBMISSION"].replace("$CI_PROJECT_DIR", str(project))}
    variables = {
        **{key: os.environ[key] for key in ("PATH", "HOME")}, **given, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path),
        "CI_PROJECT_DIR": str(project), "SANDBOX": "bubblewrap", "MIN_SCORE": "70",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=project, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-3:] == ["status=1", "score=0", "line=submission: 0 of 100"]
    assert {path.name for path in (project / "reports").iterdir()} == {"index.html", "junit.xml", "submission"}
    assert "all is well" not in (project / "reports/index.html").read_text()


def test_the_short_workflow_grades_beside_the_checkout() -> None:
    """Settings are looked for in the folder where a step runs and above, and reports go into it."""
    [text] = re.findall(r"```yaml\n(jobs:.*?)```", (ROOT / "docs/pipelines.md").read_text(), re.DOTALL)
    checkout, grade = yaml.safe_load(text)["jobs"]["grade"]["steps"]
    folder = Path(checkout["with"]["path"])
    assert (
        folder in Path(grade["with"]["submission"]).parents
        and folder not in Path(grade["with"].get("out", "reports")).parents
    )


@pytest.mark.docker
def test_the_image_is_cached_in_a_file_and_loaded_again(tmp_path: Path) -> None:
    """The second run of a pipeline finds the image in its cache: nothing is built."""
    script = ["sh", str(ROOT / "scripts/cached_image.sh"), str(tmp_path / "cache" / "image.tar")]
    first = subprocess.run(script, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    saved = tmp_path / "cache" / "image.tar"
    assert saved.stat().st_size > 10**8
    before = saved.stat().st_mtime_ns
    second = subprocess.run(script, capture_output=True, text=True, check=False)
    assert second.returncode == 0 and "Loaded image" in second.stderr and saved.stat().st_mtime_ns == before
    assert "building" not in second.stderr


# --- Gradescope -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def autograder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, unpacked as the platform does, with this environment in place of what setup.sh installs."""
    root = tmp_path_factory.mktemp("autograder")
    packed = root / "bundle.zip"
    assert cli.run(admin.app, "grader", ["export", "gradescope-autograder", "--out", str(packed)]) == 0
    source = root / "source"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(source)
        for entry in archive.infolist():
            (source / entry.filename).chmod(entry.external_attr >> 16)
    (source / "venv").symlink_to(Path(sys.prefix))
    return root


def run_autograder(root: Path, submission: Path, **environment: str) -> dict[str, Any]:
    shutil.rmtree(root / "submission", ignore_errors=True)
    shutil.rmtree(root / "results", ignore_errors=True)
    shutil.copytree(submission, root / "submission")
    variables = {"PATH": os.environ["PATH"], "HOME": str(root), "AUTOGRADER_ROOT": str(root), **environment}
    done = subprocess.run(
        [root / "source" / "run_autograder"], env=variables, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads((root / "results" / "results.json").read_text())


def test_the_bundle_is_the_same_for_the_same_grader_and_holds_what_it_needs(autograder: Path, tmp_path: Path) -> None:
    """An instructor can tell by its digest which grader is uploaded; scripts can be run, no key is in it unasked."""
    again = tmp_path / "again.zip"
    assert cli.run(admin.app, "grader", ["export", "gradescope-autograder", "--out", str(again)]) == 0
    assert again.read_bytes() == (autograder / "bundle.zip").read_bytes()
    names = set(zipfile.ZipFile(again).namelist())
    assert {"setup.sh", "run_autograder", "requirements.txt", "rubric.toml", "grader/cli.py"} <= names
    assert "kits.toml" not in names and not [name for name in names if "__pycache__" in name]
    for name in ("setup.sh", "run_autograder"):
        assert (autograder / "source" / name).stat().st_mode & stat.S_IXUSR
        assert subprocess.run(["sh", "-n", autograder / "source" / name], check=False).returncode == 0


@pytest.mark.bubblewrap
def test_the_autograder_grades(autograder: Path) -> None:
    """Gradescope's layout in, its results.json out, with the grader of the bundle."""
    results = run_autograder(autograder, ROOT / "submissions" / "bob", GRADER_SANDBOX="bubblewrap")
    assert 80 < results["score"] < 95 and len(results["tests"]) > 20
    assert results["visibility"] == "after_published"


def test_an_autograder_that_fails_gives_no_score(autograder: Path) -> None:
    """Where there is no sandbox the instructor is told so, and the student gets no zero."""
    results = run_autograder(
        autograder, ROOT / "submissions" / "bob", GRADER_SANDBOX="docker", DOCKER_HOST="tcp://127.0.0.1:9"
    )
    assert "score" not in results and "DOCKER_HOST" in results["output"]
    (autograder / "source" / "venv").unlink()
    try:
        results = run_autograder(autograder, ROOT / "submissions" / "bob")
    finally:
        (autograder / "source" / "venv").symlink_to(Path(sys.prefix))
    assert "score" not in results and "status" in results["output"]
