"""The command line: what it checks first, what it says in one line, what it writes, and its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from children import below, grade_as_told, wait_until

from grader import __version__, admin, batch, capacity, cli, sandbox, store, terminal
from grader.errors import HarnessError
from grader.kit import keys
from grader.models import Scorecard
from grader.project import DEFAULT_RUBRIC


class Wall:
    name = "bubblewrap"

    def prepare(self, progress: Callable[[str], None]) -> None:
        progress("preparing")

    def sweep(self) -> int:
        return 0


@pytest.fixture
def grade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Run `grade` in tmp_path with the child above and no real sandbox."""
    handlers = {number: signal.getsignal(number) for number in cli.INTERRUPTS}  # a run ends deaf to them
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch, "run", partial(batch.run, work=grade_as_told))
    monkeypatch.setattr(sandbox, "choose", lambda name: Wall())
    for name, order in {"alice": "good", "bob": "wrong", "carol": "crash"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "minigpt.py").write_text(order)
    (tmp_path / "broken.zip").write_text("no archive")
    yield lambda *arguments: cli.run(cli.app, "grade", [str(argument) for argument in arguments])
    for number, handler in handlers.items():
        signal.signal(number, handler)


def card(tmp_path: Path, name: str) -> Scorecard:
    return Scorecard.model_validate_json((tmp_path / "reports" / name / "scorecard.json").read_bytes())


# --- exit statuses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["alice"], 0),
        (["alice", "bob"], 0),
        (["alice", "--min-score", "100"], 0),
        (["alice", "bob", "--min-score", "70"], 1),
        (["broken.zip"], 0),
        (["broken.zip", "--min-score", "1"], 1),
        (["alice", "carol"], 3),
        (["carol", "bob", "--min-score", "70", "-j", "2"], 3),
    ],
)
def test_exit_status(grade: Callable[..., int], arguments: list[str], status: int) -> None:
    """0 graded, 1 below --min-score, 3 the harness failed, and 3 wins over 1."""
    assert grade(*arguments) == status


def test_scores_below_the_bar_are_named(grade: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status 1 says for whom."""
    assert grade("alice", "bob", "broken.zip", "--min-score", "70") == 1
    assert capsys.readouterr().err.endswith("\nbelow --min-score 70: bob (60.58), broken (0)\n")


def usage_cases() -> dict[str, tuple[list[str], str]]:
    return {
        "nothing": ([], "Missing argument 'SUBMISSION'"),
        "an empty path": (["alice", ""], "a SUBMISSION is empty"),
        "no path": (["alice", "nobody"], "nobody: no such file or folder"),
        "a file": (["alice", "notes.txt"], "notes.txt is neither a folder nor a .zip"),
        "no rubric": (["alice", "--rubric", "x.toml"], "rubric x.toml cannot be read: No such file"),
        "a broken rubric": (
            ["alice", "--rubric", "notes.txt"],
            "rubric notes.txt is not TOML: Expected '=' after a key",
        ),
        "no criterion": (["alice", "--only", "cash.*"], "--only 'cash.*' matches no criterion"),
        "no sandbox": (["alice", "--sandbox", "chroot"], "'chroot' is not one of 'auto', 'docker', 'bubblewrap'"),
        "no jobs": (["alice", "-j", "0"], "--jobs is 0; it must be at least 1"),
        "no number": (["alice", "-j", "many"], "Invalid value for '--jobs'"),
        "no score": (["alice", "--min-score", "nan"], "--min-score is nan"),
        "no such score": (["alice", "--min-score", "101"], "--min-score is 101; at most 100 can be reached"),
        "a bar for bonus": (["alice", "--min-score", "50", "--only", "scan.*"], "'scan.*' matches bonus alone"),
        "a seed too large": (
            ["alice", "--seed", str(2**48)],
            "--seed is 281474976710656; it must be from 0 to 281474976710655",
        ),
        "no option": (["alice", "--clutter", "x"], "No such option: --clutter"),
        "no kit": (["alice", "--kit", "../k"], "--kit '../k' is no kit id"),
        "out is a file": (["alice", "--out", "notes.txt"], "--out notes.txt cannot be written: notes.txt is a file"),
        "a folder for a file": (["alice", "--csv", "bob"], "--csv bob is a folder; name a file"),
        "one file for two": (["alice", "--csv", "x", "--junit", "x"], "two outputs go to the same file"),
        "gradescope": (["alice", "bob", "--gradescope", "x"], "--gradescope holds one submission, and 2 are given"),
    }


@pytest.mark.parametrize("case", usage_cases())
def test_usage_errors_are_one_clear_line_and_nothing_is_graded(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """A wrong path, option or rubric is found before anything is graded, and said in one line without a traceback."""
    (tmp_path / "notes.txt").write_text("these are notes")
    arguments, said = usage_cases()[case]
    assert grade(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("grade: ") and said in err
    assert not list(tmp_path.glob("reports/*/*"))


def test_settings_count_and_options_win(grade: Callable[..., int], tmp_path: Path) -> None:
    """grader.toml says it once; what stands on the command line is what was meant."""
    (tmp_path / "grader.toml").write_text('min_score = 70\nout = "results"\n')
    assert grade("bob") == 1
    assert (tmp_path / "results" / "bob" / "scorecard.json").is_file()
    assert grade("bob", "--min-score", "0", "--out", "reports") == 0
    assert card(tmp_path, "bob").submission.name == "bob"


def test_broken_settings_grade_nothing(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt threshold is no threshold, so it is an error."""
    (tmp_path / "grader.toml").write_text("min_scor = 70\n")
    assert grade("alice") == 2
    assert "did you mean 'min_score'?" in capsys.readouterr().err
    assert not (tmp_path / "reports").exists()


def test_a_candidates_settings_are_not_read(
    grade: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A grader.toml in a submission is passed over, and said, also where it is broken: never the status 2."""
    (tmp_path / "bob" / "grader.toml").write_text("min_score = ")
    (tmp_path / "grader.toml").write_text("min_score = 70\n")
    monkeypatch.chdir(tmp_path / "bob")
    assert grade(".") == 1
    assert "bob/grader.toml lies in a submission and is not read" in capsys.readouterr().err


def test_no_sandbox_is_the_harness_not_the_usage(
    grade: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can run a submission, the status is 3 and the line says what to install."""

    def none(name: str) -> None:
        raise HarnessError("no sandbox works here; apt-get install bubblewrap")

    monkeypatch.setattr(sandbox, "choose", none)
    assert grade("alice") == 3
    assert capsys.readouterr().err == "grade: no sandbox works here; apt-get install bubblewrap\n"


def test_a_fault_of_our_own_is_one_line_too(
    grade: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An internal error names its place, and is never mistaken for a candidate's."""
    monkeypatch.setattr(sandbox, "choose", lambda name: 1 / 0)
    assert grade("alice") == 3
    err = capsys.readouterr().err
    assert err.startswith("grade: internal error: ZeroDivisionError") and "test_cli.py:" in err and err.count("\n") == 1


# --- what is written --------------------------------------------------------------------------------------------------


def test_reports_are_written_for_each_and_for_all(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One folder a submission, an index over all, a table at the end that says where the reports are."""
    assert grade("bob", "alice", "carol", "--jobs", "2", "--seed", "5") == 3
    assert [card(tmp_path, name).outcome for name in ("alice", "bob", "carol")] == ["graded", "graded", "harness_error"]
    assert {card(tmp_path, name).run.seed for name in ("alice", "bob", "carol")} == {5}
    for name in ("alice", "bob", "carol"):
        assert (tmp_path / "reports" / name / "report.html").read_text().startswith("<!doctype html>".upper()[:2])
    assert "alice" in (tmp_path / "reports/index.html").read_text()
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines() if line]
    assert [row[0] for row in rows[2:5]] == ["bob", "alice", "carol"]
    assert rows[3][1] == "100" and rows[3][-1] == "reports/alice/report.html"
    assert "reports/index.html" in out
    assert "alice: 100 of 100" in err and "carol: no score; the harness failed" in err


def test_the_table_names_what_is_there(
    grade: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report that could not be written is not named."""

    def full(path: Path, content: str | bytes) -> None:
        raise HarnessError(f"{path} cannot be written: No space left on device")

    monkeypatch.setattr(store, "write", full)
    assert grade("alice") == 3
    assert "alice" in (out := capsys.readouterr().out) and "report.html" not in out


def test_the_seed_is_drawn_once_a_run_and_recorded(grade: Callable[..., int], tmp_path: Path) -> None:
    """Without --seed the inputs are fresh, equal for all submissions of a run, and can be repeated."""
    seeds = set()
    for _ in range(2):
        grade("alice", "bob")
        assert card(tmp_path, "alice").run.seed == card(tmp_path, "bob").run.seed
        seeds.add(card(tmp_path, "alice").run.seed)
    assert len(seeds) == 2
    assert len(list((tmp_path / "reports/alice/history").iterdir())) == 1


def test_json_is_the_only_thing_on_standard_output(
    grade: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline can read standard output line by line, whatever happens."""
    grade("alice", "bob", "carol", "broken.zip", "--json")
    cards = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [card["outcome"] for card in cards] == ["graded", "graded", "harness_error", "rejected"]
    assert {card["schema"] for card in cards} == {"scorecard/1"}


def test_json_is_utf_8_whatever_the_terminal_speaks(
    grade: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A character that standard output's own encoding lacks ends no batch, graded now or kept."""
    (tmp_path / "rubric.toml").write_text(DEFAULT_RUBRIC.read_text().replace('title = "', 'title = "\u0141'))
    for again in ((), ("--resume",)):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        assert grade("alice", "bob", "--json", "--rubric", "rubric.toml", *again) == 0
        lines = written.getvalue().decode().splitlines()
        assert len(lines) == 2 and all("\u0141" in line and json.loads(line) for line in lines)


def test_a_name_that_is_no_text_costs_nobody_anything(grade: Callable[..., int], tmp_path: Path) -> None:
    """A folder whose name is not UTF-8 is graded like any other, and so are those beside it."""
    strange = os.fsdecode(b"n\xe9me")
    shutil.copytree(tmp_path / "bob", tmp_path / strange)
    assert grade(strange, "alice") == 0
    assert card(tmp_path, "alice").score == 100 and card(tmp_path, "n-me").submission.digest


def test_a_kit_without_a_key_is_told(
    grade: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip in an id would cost each candidate the diagnosis: who typed it hears of it, and of no other."""
    keys.add(
        tmp_path / "kits.toml", keys.Key(kit="k-1", made_at="", seed=1, positions="rope", bugs=("b",), classes=("c",))
    )
    monkeypatch.setenv(keys.VARIABLE, str(tmp_path / "kits.toml"))
    for kit, told in (("k-1", False), ("k-2", True)):
        assert grade("alice", "--kit", kit) == 0
        assert (f"warning: kit {kit} has no key in" in capsys.readouterr().err) is told


def test_only_restricts_the_criteria_and_is_recorded(grade: Callable[..., int], tmp_path: Path) -> None:
    """--only reaches the judge as it was typed."""
    assert grade("alice", "--only", "cache.*", "--kit", "k-1") == 0
    assert card(tmp_path, "alice").run.only == "cache.*"
    assert card(tmp_path, "alice").submission.kit == "k-1"


def test_a_partial_run_says_which_whole_scorecard_it_replaces(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on the terminal: where the whole one is kept, and how it stays; only where there was one."""
    grade("alice", "--seed", "5")
    assert "replaces" not in capsys.readouterr().err
    whole = (tmp_path / "reports/alice/scorecard.json").read_bytes()
    grade("alice", "--only", "cache.*")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "replaces" in line]
    assert line.startswith("alice: --only cache.* replaces a whole scorecard, kept as reports/alice/history/")
    assert (tmp_path / line.partition("kept as ")[2].partition(";")[0]).read_bytes() == whole
    assert line.endswith("; grade without --only to have it whole again, or with another --out to keep both")
    grade("alice", "--only", "gpt.*")
    assert "replaces" not in capsys.readouterr().err


def test_extra_outputs(grade: Callable[..., int], tmp_path: Path) -> None:
    """Each format a pipeline asks for is written where it asked, in a folder that need not exist yet."""
    outputs = {"--junit": "o/junit.xml", "--gradescope": "o/g.json", "--summary": "o/s.md", "--csv": "o/c.csv"}
    assert grade("bob", *(part for pair in outputs.items() for part in pair)) == 0
    assert "gpt.load" in (tmp_path / "o/junit.xml").read_text()
    assert json.loads((tmp_path / "o/g.json").read_text())["tests"]
    assert "bob" in (tmp_path / "o/s.md").read_text()
    assert len(list(csv.reader((tmp_path / "o/c.csv").read_text().splitlines()))) == 2


def test_two_of_one_name_do_not_meet(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """x/alice and alice.zip are both graded, each in a folder of its own, with a warning."""
    with zipfile.ZipFile(tmp_path / "alice.zip", "w") as file:
        file.writestr("minigpt.py", "wrong")
    assert grade("alice", "alice.zip", "./alice") == 0
    cards = [
        Scorecard.model_validate_json(path.read_bytes()) for path in tmp_path.glob("reports/alice-*/scorecard.json")
    ]
    assert len(cards) == 2 and len({card.score for card in cards}) == 2
    err = capsys.readouterr().err
    assert err.count("warning: ") == 2 and "given twice" in err


def test_a_full_disk_costs_that_report_and_says_so(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is status 3 and named; the others are kept."""
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.parent.name == "alice":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    assert grade("alice", "bob") == 3
    assert "alice/scorecard.json cannot be written: No space left" in capsys.readouterr().err
    assert card(tmp_path, "bob").outcome == "graded"


# --- resumed ----------------------------------------------------------------------------------------------------------


def resumed(capsys: pytest.CaptureFixture[str]) -> str:
    """Give how many were kept, as it was said."""
    return capsys.readouterr().err.partition("resumed: ")[2].partition(" are graded already")[0]


def test_resume_keeps_what_is_graded_and_grades_the_rest(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is kept counts as if it were graded now, in the table, the outputs and the status; the seed is the same."""
    assert grade("alice", "bob", "carol", "--seed", "5") == 3
    before = {name: (tmp_path / "reports" / name / "scorecard.json").read_bytes() for name in ("alice", "bob")}
    (tmp_path / "carol/minigpt.py").write_text("good")
    (tmp_path / "reports/bob/report.html").unlink()  # as if the run had ended before it was written
    capsys.readouterr()
    assert grade("alice", "bob", "carol", "--resume", "--min-score", "70", "--csv", "all.csv", "--json") == 1
    out, err = capsys.readouterr()
    assert "resumed: 2 of 3 are graded already and kept" in err and "carol: 100 of 100" in err
    assert sorted(json.loads(line)["submission"]["name"] for line in out.splitlines()) == ["alice", "bob", "carol"]
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 4
    for name, data in before.items():
        assert (tmp_path / "reports" / name / "scorecard.json").read_bytes() == data
        assert not (tmp_path / "reports" / name / "history").exists()
    assert (tmp_path / "reports/bob/report.html").exists()
    assert card(tmp_path, "carol").run.seed == 5
    assert grade("alice", "bob", "carol", "--resume") == 0 and resumed(capsys) == "3 of 3"


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ("nothing", ["--seed", "6"]),
        ("nothing", ["--kit", "k-1"]),
        ("nothing", ["--only", "gpt.*"]),
        ("nothing", ["--rubric", "other.toml"]),
        ("the submission", []),
        ("the scorecard is torn", []),
        ("the grader", []),
        ("the sandbox", []),
    ],
)
def test_resume_grades_again_what_would_be_another_answer(
    grade: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    arguments: list[str],
) -> None:
    """Another submission, rubric, seed, kit, choice of criteria, sandbox or grader is another question."""
    assert grade("alice", "--seed", "5") == 0
    path = tmp_path / "reports/alice/scorecard.json"
    (tmp_path / "other.toml").write_text(DEFAULT_RUBRIC.read_text().replace("call_s = 10", "call_s = 9"))
    if change == "the submission":
        (tmp_path / "alice/minigpt.py").write_text("wrong")
    elif change == "the scorecard is torn":
        path.write_bytes(path.read_bytes()[:100])
    elif change == "the grader":
        path.write_text(path.read_text().replace(f'"grader": "{__version__}"', '"grader": "0.0.1"'))
    elif change == "the sandbox":
        monkeypatch.setattr(Wall, "name", "docker")
    assert grade("alice", "--resume", *arguments) == 0
    assert resumed(capsys) == "0 of 1"
    assert len(list((tmp_path / "reports/alice/history").iterdir())) == 1


# --- the terminal -----------------------------------------------------------------------------------------------------

DRIVER = """
import sys
from functools import partial
from grader import batch, cli, sandbox
class Wall:
    name = "bubblewrap"
    def prepare(self, progress): pass
    def sweep(self): return 0
sandbox.choose = lambda name: Wall()
sys.path.insert(0, sys.argv.pop(1))
from children import grade_as_told
batch.run = partial(batch.run, work=grade_as_told)
if __name__ == "__main__":
    cli.main()
"""
HERE = str(Path(__file__).parent)


def test_what_a_candidate_wrote_commands_neither_terminal_nor_ci(
    grade: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences, bidi marks and workflow commands in names and reasons are shown, not obeyed."""
    evil = tmp_path / "\x1b[31m::error::\u202e"
    evil.mkdir()
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as file:
        file.writestr("a\x1b[31m\n::error title=a::b", "x")
        file.writestr("a\x1b[31m\n::error title=a::b/c", "x")
    assert grade(evil, "e.zip", "bob") == 0
    assert grade(str(evil) + "\n::error::x") == 2
    out, err = capsys.readouterr()
    for text in (out, err):
        assert "::" not in text and all(line.isprintable() for line in text.splitlines())
    assert "\\x1b[31m" in err


def test_on_a_terminal_criteria_scroll_by(grade: Callable[..., int]) -> None:
    """A person watches criterion by criterion; the same run in CI prints one line."""
    environment = {name: value for name, value in (os.environ | batch.environment()).items() if name != "CI"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", DRIVER, HERE, "bob"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment | {"TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # how a terminal ends
        pass
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and b"bob" in out
    assert b"x gpt.load" in shown and b"+ cache.decode" in shown
    quiet = subprocess.run(command, capture_output=True, env=environment, timeout=30)
    assert quiet.stderr.count(b"\n") == 1 and b"\x1b" not in quiet.stderr + quiet.stdout


def test_a_batch_says_how_far_it_is(grade: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """Each line counts, and says how long the rest will take; a single submission needs neither."""
    grade("alice", "bob")
    first, second = (line for line in capsys.readouterr().err.splitlines() if line.startswith("["))
    assert re.match(r"\[1 of 2, about \d+ s left\] (alice|bob): ", first) and second.startswith("[2 of 2] ")
    grade("alice")
    assert "\nalice: 100 of 100" in capsys.readouterr().err


def test_the_time_that_is_left_follows_the_pace() -> None:
    """Rough, in the unit that people would use."""
    assert [terminal.duration(s) for s in (0.4, 119, 120, 7199, 7200, 90_000)] == [
        "0 s", "119 s", "2 min", "120 min", "2 h", "25 h",
    ]  # fmt: skip


def test_more_at_once_than_the_machine_can_take_is_said(
    grade: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--jobs is bounded, loudly, and everything is graded."""
    monkeypatch.setattr(capacity, "at_most", lambda limits: (1, "for the test"))
    assert grade("alice", "bob", "-j", "2") == 0
    assert "1 at once rather than 2: for the test" in capsys.readouterr().err
    assert grade("alice", "-j", "2") == 0
    assert "at once" not in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_running(grade: Callable[..., int], tmp_path: Path) -> None:
    """Interrupted, `grade` ends its children, keeps finished scorecards and their index, and says so."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/minigpt.py").write_text("hang")
    command = [sys.executable, "-c", DRIVER, HERE, "alice", "slow"]
    # A job in the background is born deaf to Ctrl-C; this one must hear it wherever the tests run.
    hear = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | batch.environment(),
        preexec_fn=hear,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "reports/alice/report.html").exists() or not below(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = below(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"interrupted; the 1 of 2 that were finished are kept in reports" in err and b"Traceback" not in err
    assert b"left: slow; the same command with --resume goes on with them" in err
    assert card(tmp_path, "alice").outcome == "graded" and (tmp_path / "reports/index.html").exists()
    wait_until(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()])


STRUCK = """
import typer
from grader import cli
app = typer.Typer()
@app.command()
def main():
    exec("raise KeyboardInterrupt")
cli.leave(cli.run(app, "main", []))
"""


def test_ctrl_c_in_an_exec_of_text_ends_with_130(tmp_path: Path) -> None:
    """Where the import of a dataclass is interrupted, too, the status is ours and no death by a signal."""
    (tmp_path / "struck.py").write_text(STRUCK)
    command = [sys.executable, "-m", "struck"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=os.environ | batch.environment())
    assert (done.returncode, done.stdout) == (130, b"") and b"Traceback" not in done.stderr


# --- starting up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "light"), [("cli", "pydantic"), ("admin", "numpy")])
def test_help_imports_nothing_that_takes_long(module: str, light: str) -> None:
    """`grade --help` answers at once: no torch, pydantic, rich, jinja2 or docker is imported for it."""
    script = (
        f"import sys; from grader import cli, {module}\n"
        f"cli.run({module}.app, 'x', ['--help'])\n"
        f"heavy = {{'torch', 'numpy', 'rich', 'jinja2', 'docker', 'pytest', {light!r}}} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | batch.environment()
    )
    assert done.returncode == 0, done.stderr
    assert "--help" in done.stdout


def test_grader_without_or_with_an_unknown_verb_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """`grader` alone, or with a verb that it does not have, is one line and status 2."""
    for arguments in ([], ["frobnicate"]):
        assert cli.run(admin.app, "grader", arguments) == 2
    assert capsys.readouterr().err.count("\n") == 2
