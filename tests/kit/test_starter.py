"""A kit holds what a candidate needs and nothing that gives the answer away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from repair import restore

from grader import fixtures
from grader.admin import app
from grader.cli import run
from grader.errors import UsageError
from grader.fixtures import Positions
from grader.intake import read_toml
from grader.kit import choice, cuts, keys, probe, starter
from grader.kit.bugs import load_bugs
from grader.models import BUG_CLASSES
from grader.project import REFERENCE

SCHEMES: tuple[Positions, ...] = ("learned", "rope")
PARTS = ("minigpt.py", "matmul.py", "scan.py")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=SCHEMES)
def kit(request: pytest.FixtureRequest) -> starter.Kit:
    positions: Positions = request.param
    return starter.make(seed=5, positions=positions)


def text_of(kit: starter.Kit) -> str:
    return "\n".join(data.decode() for name, data in kit.files.items() if name != "checkpoint.safetensors")


def test_model_is_the_reference_but_for_bugs_and_cache(kit: starter.Kit) -> None:
    """Taking back the planted bugs and the cuts gives the reference, to the letter."""
    bugs = [load_bugs()[name] for name in kit.key.bugs]
    source = kit.files["minigpt.py"].decode()
    assert restore(source, bugs) == (REFERENCE / "minigpt.py").read_text()
    assert source != cuts.starter()


def test_starter_without_bugs_is_the_reference_without_a_cache(kit: starter.Kit) -> None:
    """What is cut out is the cache alone: text, loss and modes are the reference's."""
    trial = starter.trial_of(fixtures.load(kit.key.positions))
    whole = probe.observe((REFERENCE / "minigpt.py").read_text(), trial)
    assert probe.observe(cuts.starter(), trial).differs(whole) == ()
    model = probe.build(cuts.starter(), trial)
    for call in (lambda: model.prefill(trial.prompts), lambda: model.decode(trial.prompts, None)):
        with pytest.raises(NotImplementedError):
            call()


def test_kit_holds_no_reference(kit: starter.Kit) -> None:
    """No line of the answer that a candidate has to write stands anywhere in the kit."""
    text = text_of(kit)
    stubs = {line.strip() for name in PARTS for line in kit.files[name].decode().splitlines()}
    for part in PARTS:
        for line in (REFERENCE / part).read_text().splitlines():
            if len(line.strip()) > 36 and line.strip() not in stubs and not line.strip().startswith('"""'):
                assert line.strip() not in text, line
    assert "torch.cat([past" not in text
    assert "needs_input_grad" not in text


def test_kit_holds_no_hidden_prompt_and_no_expected_text(kit: starter.Kit) -> None:
    """What is graded cannot be read off: neither prompts nor texts, of either checkpoint, not even in half."""
    text = text_of(kit)
    for positions in SCHEMES:
        for hidden in fixtures.load(positions).prompts:
            whole = hidden.prompt + hidden.expected
            assert hidden.prompt not in text
            assert hidden.expected[: len(hidden.expected) // 2] not in text
            assert whole[len(whole) // 2 :] not in text


def test_kit_does_not_name_its_bugs(kit: starter.Kit) -> None:
    """Neither ids, titles nor the seed are in the kit, and its id is made of nothing but chance."""
    text = text_of(kit)
    for bug in load_bugs().values():
        assert bug.id not in text
        assert bug.title not in text
    assert re.fullmatch(r"k-[0-9a-f]{8}", kit.key.kit)
    assert str(keys.default_path()) not in text


def test_a_seed_gives_the_same_kit_under_another_id(kit: starter.Kit) -> None:
    """Two candidates can get the same variant without being able to tell from the id."""
    again = starter.make(seed=5, positions=kit.key.positions)
    assert again.key.kit != kit.key.kit
    assert (again.key.bugs, again.key.classes) == (kit.key.bugs, kit.key.classes)
    assert {name for name in kit.files if kit.files[name] != again.files[name]} == {"README.md", "submission.toml"}
    renamed = {name: data.replace(again.key.kit.encode(), kit.key.kit.encode()) for name, data in again.files.items()}
    assert renamed == kit.files


def test_ids_are_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key must never stand for two kits."""
    chances = iter(["aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr(starter.secrets, "token_hex", lambda _: next(chances))
    made = starter.make(seed=1, ids=["loss-sign"], taken=frozenset({"k-aaaaaaaa"}))
    assert made.key.kit == "k-bbbbbbbb"


def test_a_bug_that_hides_behind_another_is_found() -> None:
    """Sampled text differs from run to run in every mode, so nobody would see a wrong mode beside it."""
    masking = starter.Masking(starter.trial_of(fixtures.load("learned")))
    samples, mode, other = (load_bugs()[name] for name in ("decoding-samples", "generate-keeps-mode", "loss-sign"))
    assert "generate-keeps-mode changes neither" in (masking([samples, mode]) or "")
    assert masking([samples, other]) is None
    assert masking([mode, other]) is None


def test_readme_says_what_is_asked(kit: starter.Kit) -> None:
    """The contract, the classes, the criteria and the limits are in it, and no placeholder is left."""
    readme = kit.files["README.md"].decode()
    for word in (*BUG_CLASSES, "gpt.logits", "matmul.broadcast", "diagnosis.bugs", "prefill", "MatMul", kit.key.kit):
        assert word in readme
    assert "16 MiB in all" in readme and "0.0005" in readme
    assert f'positions="{kit.key.positions}"' in readme
    assert "$" not in readme


def test_submission_toml_is_ready_for_a_diagnosis(kit: starter.Kit) -> None:
    """The id is in it, and the example becomes one entry when its marks are taken away."""
    source = kit.files["submission.toml"].decode()
    assert tomllib.loads(source) == {"kit": kit.key.kit}
    example = tomllib.loads(source[source.index("# [[") :].replace("# ", ""))
    assert list(example["diagnosis"][0]) == ["bug", "where", "test"]
    assert read_toml(source.encode()) == {"kit": kit.key.kit}


def test_requirements_are_the_graders_versions() -> None:
    """What runs on a candidate's machine runs the same in the sandbox."""
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = (starter.TEMPLATES / "requirements.txt.template").read_text().split()
    assert wanted and set(wanted) <= set(pinned)


# --- the self-check ---------------------------------------------------------------------------------------------------


def selfcheck(folder: Path) -> subprocess.CompletedProcess[str]:
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "selfcheck.py"], cwd=folder, env=one_thread, capture_output=True, text=True, timeout=300
    )


def test_selfcheck_runs_on_the_starter_and_passes_on_the_reference(kit: starter.Kit, tmp_path: Path) -> None:
    """Untouched, it says what is missing without a traceback; solved, every line is ok."""
    folder = tmp_path / "kit"
    starter.write(kit, folder)
    untouched = selfcheck(folder)
    assert untouched.returncode == 1
    assert "FAIL parity: NotImplementedError" in untouched.stdout
    assert "FAIL gradient: NotImplementedError" in untouched.stdout
    assert "ok   load" in untouched.stdout
    assert "Traceback" not in untouched.stdout + untouched.stderr
    for part in PARTS:
        shutil.copy(REFERENCE / part, folder / part)
    solved = selfcheck(folder)
    assert solved.returncode == 0, solved.stdout + solved.stderr
    assert [line.split(":")[0] for line in solved.stdout.splitlines()] == [
        f"ok   {name}" for name in ("load", "shapes", "greedy", "parity", "gradient")
    ]


def test_visible_text_goes_past_the_window(kit: starter.Kit) -> None:
    """A candidate can see with the self-check whether generation slides."""
    checkpoint = fixtures.load(kit.key.positions)
    prompt, expected = starter.visible(checkpoint, seed=5)
    assert len(prompt) + len(expected) > checkpoint.config["block_size"]
    assert torch.isfinite(torch.tensor(checkpoint.encode(expected))).all()


# --- the command ------------------------------------------------------------------------------------------------------


def grader_kit(*arguments: str) -> int:
    return run(app, "grader", ["kit", *arguments])


def test_command_writes_the_kit_and_keeps_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder has the kit, the key file its key, and the terminal says no bug."""
    out, store = tmp_path / "kit", tmp_path / "keys.toml"
    assert grader_kit("--out", str(out), "--bugs", "loss-sign,mask-upper", "--keys", str(store)) == 0
    (key,) = keys.read(store).values()
    assert key.bugs == ("loss-sign", "mask-upper")
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [
            *PARTS,
            "README.md",
            "checkpoint.safetensors",
            "tokenizer.json",
            "selfcheck.py",
            "requirements.txt",
            "submission.toml",
        ]
    )
    said = capsys.readouterr().out
    assert key.kit in said and "loss" not in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--bugs", "loss-sign", "--count", "2"], "exclude each other"),
        (["--bugs", " , "], "names no bug"),
        (["--count", "9"], "1 to 5"),
        (["--bugs", "no-such"], "no such bug"),
    ],
)
def test_command_refuses_what_makes_no_kit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    """A wrong option is one clear line and exit status 2; nothing is written, no key either."""
    assert grader_kit("--out", str(tmp_path / "kit"), "--keys", str(tmp_path / "keys.toml"), *arguments) == 2
    assert reason in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_command_never_overwrites_and_never_puts_the_key_in_the_kit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with something in it is left alone; a key file inside the kit would hand over the answers."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    assert grader_kit("--out", str(tmp_path / "full"), "--keys", str(tmp_path / "keys.toml")) == 2
    assert (tmp_path / "full" / "mine").read_text() == "kept"
    assert grader_kit("--out", str(tmp_path / "kit"), "--keys", str(tmp_path / "kit" / "keys.toml")) == 2
    assert "would lie in the kit" in capsys.readouterr().err
    with pytest.raises(UsageError, match="not an empty folder"):
        starter.check_free(tmp_path / "full" / "mine")


def test_default_count_is_told_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever makes kits can read how many bugs there are and may be."""
    assert grader_kit("--help") == 0
    assert f"1 to {choice.MOST}; {choice.COUNT}" in " ".join(capsys.readouterr().out.split())
