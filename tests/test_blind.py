"""Blind grading: nothing that is written names the candidate, and only the book says who is who."""

from __future__ import annotations

import itertools
import multiprocessing
import re
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from grader import admin, blind, cli
from grader.errors import HarnessError, UsageError
from grader.models import CheckResult, CriterionResult, FileChange, Outcome, RunInfo, Scorecard, SubmissionInfo, Verdict

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "book" / "blind.jsonl"
    monkeypatch.setenv(blind.VARIABLE, str(path))
    return path


def card(name: str = "a", notes: str = "", line: str = "", **check: object) -> Scorecard:
    checks = (CheckResult.model_validate({"id": "c", "verdict": Verdict.wrong_answer, **check}),)
    criterion = CriterionResult(
        id="gpt.load",
        section="gpt",
        title="t",
        points=1,
        earned=0,
        bonus=False,
        verdict=Verdict.wrong_answer,
        checks=checks,
    )
    return Scorecard(
        submission=SubmissionInfo(name=name, digest="sha256:1", files=("minigpt.py",)),
        outcome=Outcome.graded,
        score=0,
        max_score=100,
        criteria=(criterion,),
        notes=notes,
        changes=(FileChange(path="p", base="b", lines=("+" + line,)),),
        run=RunInfo(seed=1, sandbox="docker", started_at="", duration_s=1, rubric_digest=""),
    )  # fmt: skip


def concealed(name: str, **fields: object) -> str:
    return blind.conceal(card(name, **fields), name, "teal-oak").to_json()  # type: ignore[arg-type]


@pytest.mark.bubblewrap
def test_no_file_of_a_blind_run_names_the_candidate(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """The folder's name, a signature, an address and a profile are in no report, file name or line of output."""
    home = tmp_path / "Jane_Doe-minigpt"
    shutil.copytree(ROOT / "submissions" / "bob", home)
    (home / "NOTES.md").write_text(
        "# Notes of Jane\n\nMail me: jane.d@example.org, https://github.com/janed42\n\n-- Jane Q. Doe\n"
    )
    source = (home / "matmul.py").read_text()
    (home / "matmul.py").write_text(f'# Author: Jane Doe\n{source}\nprint("doe was here")\n')
    monkeypatch.chdir(tmp_path)
    for number in cli.INTERRUPTS:  # a run ends deaf to them, and a pool of processes ends by one
        request.addfinalizer(partial(signal.signal, number, signal.getsignal(number)))
    extra = [f"--{form}={form}.out" for form in ("junit", "gradescope", "summary", "csv")]
    arguments = [home.name, "--blind", "--sandbox", "bubblewrap", "--only", "matmul.*", *extra, "--json"]
    assert cli.run(cli.app, "grade", arguments) == 0
    [code] = blind.read(blind.default_path()).values()
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {code, "index.html"}
    said = capfd.readouterr()
    texts = {"stdout": said.out, "stderr": said.err}
    texts |= {
        str(path): path.read_text()
        for path in [*(tmp_path / "reports").rglob("*.*"), *tmp_path.glob("*.out")]
        if path.is_file()
    }
    assert len(texts) == 9
    for place, text in texts.items():
        for name in ("jane", "doe", "example.org", "janed42"):
            assert not re.search(rf"\b{name}\b", text, re.IGNORECASE), (place, name)
    assert code in texts["stdout"] and "SUBMISSION --only" in texts[str(tmp_path / "reports" / code / "report.html")]
    assert cli.run(admin.app, "grader", ["reveal", code]) == 0
    assert capfd.readouterr().out == f"{code}\tJane_Doe-minigpt\n"


def test_a_name_keeps_its_code() -> None:
    """The same submission has the same code name in every run, no two share one, and the book is its owner's alone."""
    path = blind.default_path()
    first = blind.codes(["a", "b"], path)
    again = blind.codes(["c", "b"], path)
    assert again["b"] == first["b"] and len(set(again.values())) == 3 == len(path.read_text().splitlines())
    assert path.stat().st_mode & 0o077 == 0


def _add(number: int) -> None:
    blind.codes([f"n{number % 5}", f"own{number}"], blind.default_path())


def test_runs_at_once_give_a_name_one_code() -> None:
    """Two graders that start together do not give one candidate two names, nor lose any."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_add, range(40))
    lines = blind.default_path().read_text().splitlines()
    assert len(lines) == 45 == len(blind.read(blind.default_path()))


def test_a_broken_book_or_an_unknown_code_is_said(book: Path) -> None:
    """Nobody is revealed by guesswork."""
    assert blind.read(book) == {}
    book.parent.mkdir()
    book.write_text("{}\n")
    with pytest.raises(HarnessError, match="cannot be read"):
        blind.read(book)
    book.write_text("")
    assert cli.run(admin.app, "grader", ["reveal", "teal-oak"]) == 2
    with pytest.raises(UsageError, match="cannot be written"):
        blind.codes(["a"], Path("/proc/none/book"))


@pytest.mark.parametrize(
    ("name", "fields", "gone"),
    [
        ("smith-anna", {"message": "File /home/smith/x, by ANNA"}, ["smith", "anna"]),
        ("x1", {"line": "# Author: Łukasz Żółw"}, ["łukasz", "żółw"]),
        ("x1", {"line": '__author__ = "Ada Byron" '}, ["ada", "byron"]),
        ("x1", {"notes": "Best regards,\nGrace O'Hopper"}, ["grace", "hopper"]),
        ("x1", {"notes": "Copyright (c) 2026 Alan Turing. I, Alan, did it."}, ["alan", "turing"]),
        ("x1", {"notes": "ask t.hoare+x@mail.example.com"}, ["hoare", "example"]),
        ("x1", {"notes": "see https://www.linkedin.com/in/barbara-l and barbara-l.github.io"}, ["barbara"]),
        ("x1", {"evidence": {"alice_dir": ["Written by Alice Liddell"], "detail": "liddell"}}, ["liddell"]),
    ],
)
def test_what_names_a_person_is_taken_out(name: str, fields: dict[str, object], gone: list[str]) -> None:
    """Parts of the folder's name, signatures, addresses and profiles are replaced wherever they stand."""
    text = concealed(name, **fields).lower()
    assert not [word for word in gone if word in text]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("max-min", "y = x.max(dim=-1) + min(a, b)"),
        ("minigpt-solution-2", "class MiniGPT: solution = minigpt"),
        ("ann", "annotate(channel)  # planned"),
        ("x1", "made by hand, name = Head, by Hillis"),
        ("x1", "scores @ values.T  # a@b"),
    ],
)
def test_code_stays_code(name: str, kept: str) -> None:
    """A name that is also a word of the language, or a part of longer words, does not make sources unreadable."""
    assert kept in concealed(name, line=kept)


def test_pictures_keep_their_characters() -> None:
    """A strip of generated text counts characters: it stays as the model wrote it."""
    tokens = {"expected": "the anna river", "actual": "the anna", "prompt": "an"}
    assert '"expected": "the anna river"' in concealed("anna", evidence={"tokens": tokens})


def test_hostile_text_takes_no_time() -> None:
    """Text made to waste time is searched in proportion to its length."""
    texts = [
        "a" * 30_000,
        "a." * 15_000,
        "a@" * 15_000,
        "Aa " * 10_000,
        "by " * 10_000,
        "--\n" * 10_000,
        "github.com/" * 3000,
    ]
    started = time.process_time()
    for text in texts:
        concealed("anna", notes=text, message=text)
    assert time.process_time() - started < 30


def test_thousands_of_signatures_take_a_moment() -> None:
    """The folder's own name and the longest signatures are taken out, and the text is gone through quickly."""
    names = ["".join(letters) for letters in itertools.product("abcdefghijkl", repeat=4)]
    text = 2 * (
        "".join(f"{name}@example.org {name} " for name in names) + "Mail to janet.smithson@example.org. Anna Smithson."
    )
    started = time.process_time()
    hidden = concealed("anna", notes=text)
    assert time.process_time() - started < 5
    assert not re.search("anna|smithson", hidden, re.IGNORECASE)
