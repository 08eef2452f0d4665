"""The diagnosis earns what it names rightly, and naming at random earns nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake import TOML_BYTES, read_toml
from grader.kit import choice
from grader.kit.diagnosis import diagnose
from grader.kit.keys import Key
from grader.models import BUG_CLASSES, CheckResult, Verdict

PLANTED = ("mask", "positions", "loss-shift", "window")
KEY = Key(
    kit="k-1",
    made_at="2026-01-01T00:00:00+00:00",
    seed=1,
    positions="learned",
    bugs=("mask-upper", "positions-reversed", "loss-sign", "window-half"),
    classes=PLANTED,
)
KEYS = {"k-1": KEY}


def toml(*classes: str, kit: str = 'kit = "k-1"\n') -> bytes:
    return (kit + "".join(f'[[diagnosis]]\nbug = "{name}"\n' for name in classes)).encode()


def judged(*classes: str) -> CheckResult:
    return diagnose(toml(*classes), "k-1", KEYS)


def fraction(*classes: str) -> float:
    earned = judged(*classes).evidence["fraction"]
    assert isinstance(earned, float)
    return earned


def test_all_classes_and_no_other_is_full_marks() -> None:
    """Order does not matter; the evidence says what was planted."""
    result = judged(*reversed(PLANTED))
    assert (result.verdict, result.evidence["fraction"]) == (Verdict.accepted, 1.0)
    assert result.evidence["planted"] == sorted(PLANTED)
    assert result.evidence["missed"] == result.evidence["wrong"] == []


@pytest.mark.parametrize(
    ("classes", "earned"),
    [
        (("mask", "positions", "loss-shift"), 0.75),
        (("mask", "mask", "mask"), 0.25),  # a class counts once
        ((*PLANTED, "heads"), 0.75),
        (("mask", "heads"), 0.0),
        (("heads", "qkv", "mask"), 0.0),
        ((), 0.0),
    ],
)
def test_recall_less_what_was_wrong(classes: tuple[str, ...], earned: float) -> None:
    """A right class earns its share, a class that the kit does not hold costs as much."""
    assert fraction(*classes) == earned
    assert judged(*classes).verdict is (Verdict.partial if earned else Verdict.wrong_answer)


@pytest.mark.parametrize("count", range(1, choice.MOST + 1))
def test_naming_everything_earns_nothing(count: int) -> None:
    """However many bugs a kit holds, the list of all classes is worth as much as an empty one."""
    classes = BUG_CLASSES[:count]
    key = KEY.model_copy(update={"classes": classes})
    assert diagnose(toml(*BUG_CLASSES), "k-1", {"k-1": key}).evidence["fraction"] == 0.0
    assert diagnose(toml(*classes), "k-1", {"k-1": key}).evidence["fraction"] == 1.0


def test_a_class_that_does_not_exist_counts_as_wrong_and_is_named() -> None:
    """A misspelling is shown, so that a person can be kind about it."""
    result = judged(*PLANTED, "loss")
    assert result.evidence["fraction"] == 0.75
    assert "loss: no such class" in result.message


def test_spelling_of_a_class_is_read_kindly() -> None:
    """Case, spaces and underscores are no part of a diagnosis."""
    assert fraction("MASK", " positions ", "loss_shift", "Window") == 1.0


def test_unknown_keys_are_let_be_and_known_ones_are_kept() -> None:
    """Candidates may note what they like; where and test are shown to the reviewer."""
    source = b'kit = "k-1"\nmood = 3\n[[diagnosis]]\nbug = "mask"\nwhere = "minigpt.py:61"\nwhy = []\n'
    result = diagnose(source, "k-1", KEYS)
    assert result.evidence["entries"] == [{"bug": "mask", "where": "minigpt.py:61"}]
    assert result.evidence["fraction"] == 0.25


def test_without_a_kit_it_does_not_apply() -> None:
    """A submission made by hand loses nothing."""
    assert diagnose(None, None, KEYS).verdict is Verdict.not_applicable
    assert diagnose(b"", None, KEYS).verdict is Verdict.not_applicable
    assert diagnose(toml("mask", kit=""), None, KEYS).verdict is Verdict.not_applicable


def test_a_kit_without_a_key_earns_nothing() -> None:
    """An invented kit id cannot turn the diagnosis off."""
    for result in (diagnose(toml("mask"), "k-2", KEYS), diagnose(toml("mask", kit='kit = "k-2"\n'), None, KEYS)):
        assert (result.verdict, result.evidence) == (Verdict.wrong_answer, {"kit_without_key": True})
        assert "no key for kit 'k-2'" in result.message


def test_the_kit_that_the_grader_was_told_wins() -> None:
    """What the interviewer handed out is not for the submission to say."""
    other = KEY.model_copy(update={"kit": "k-2", "classes": ("heads",)})
    result = diagnose(toml("mask", kit='kit = "k-1"\n'), "k-2", KEYS | {"k-2": other})
    assert result.evidence["planted"] == ["heads"]


def test_no_submission_toml_for_a_kit_is_missing() -> None:
    """Leaving the diagnosis out is not a way around it."""
    result = diagnose(None, "k-1", KEYS)
    assert (result.verdict, result.evidence) == (Verdict.missing, {})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"kit = ", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"a = " + b"[" * 8000, "cannot be read"),
        (b"#" * (TOML_BYTES + 1), "the limit is 16,384"),
        (b'kit = "k-1"\ndiagnosis = 3', "list of tables"),
        (b'kit = "k-1"\n[diagnosis]\nbug = "mask"', "list of tables"),
        (b'kit = "k-1"\n[[diagnosis]]\nclass = "mask"', "diagnosis 1"),
        (b'kit = "k-1"\n[[diagnosis]]\nbug = 3', "diagnosis 1"),
    ],
)
@pytest.mark.parametrize("kit", ["k-1", None])
def test_a_broken_submission_toml_earns_nothing_and_says_why(source: bytes, reason: str, kit: str | None) -> None:
    """Breaking the file is no way around the diagnosis either, whether or not the kit is known from elsewhere."""
    result = diagnose(source, kit, KEYS)
    assert (result.verdict, result.evidence) == (Verdict.wrong_answer, {})
    assert reason in result.message


def test_a_kit_id_that_is_no_text_is_named() -> None:
    """A slip in the first line is told apart from a kit that was never given."""
    assert "kit in submission.toml must be a text" in diagnose(b"kit = 3\n", None, KEYS).message


@pytest.mark.parametrize(
    "where",
    [
        b"where = 0x" + b"f" * 8000,  # too many digits for a decimal number
        b"where" + b".a" * 999 + b" = 1",  # tables in tables, deeper than Python can write
        b"where = " + b"[" * 300 + b"]" * 300,
        b"where = " + b"{a=" * 200 + b"1" + b"}" * 200,
        b"where = inf\ntest = 1979-05-27T07:32:00." + b"9" * 5000,
        b'where = "\\u0000\\u202e\\U0010ffff"',
        b"where = -" + b"9" * 4000,
    ],
)
def test_what_stands_beside_a_class_costs_nothing(where: bytes) -> None:
    """Whatever TOML can hold may stand there: it is shown or it is not, and the class counts."""
    result = diagnose(b'kit = "k-1"\n[[diagnosis]]\nbug = "mask"\n' + where, None, KEYS)
    assert result.evidence["hits"] == ["mask"] and len(result.model_dump_json()) < 3000


@given(st.text("ab1.=[]{}\"'\\\n# -_:Tx0ef\u202e", max_size=80) | st.text(max_size=30))
def test_no_submission_toml_is_a_fault_of_ours(text: str) -> None:
    """Whatever stands in it, before or after a right diagnosis, gives a verdict that can be stored."""
    for source in (text, 'kit = "k-1"\n[[diagnosis]]\nbug = "mask"\n' + text, text + '\n[[diagnosis]]\nbug = "mask"'):
        result = diagnose(source.encode(), "k-1", KEYS)
        assert CheckResult.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    "source",
    [
        b"a." * 8191 + b"a",
        b"a." * 999 + b"a = 1\n" + b"#" * 14_000,
        b"[" + b"a." * 500 + b"a]\n" + b"".join(b"b%d.c = 1\n" % i for i in range(499)),
        b"[" + b"a." * 900 + b"a]\n" + b"".join(b"b%d = 1\n" % i for i in range(1200)),
        b"".join(b"[[a]]\n" for _ in range(2300)),
        b"".join(b"[a%d]\n" % i for i in range(1900)),
        b"a = [" + b"{}," * 5000 + b"]",
        b"a = " + b"[" * 8000 + b"]" * 8000,
        b"a = {" + b"b={" * 5000,
        b'a = """' + b"\\\n" * 8000,
        b'a = "' + b"\\u0041" * 2600,
        b"a = 1." + b"1" * 16_000,
        b"a = 0b" + b"1" * 16_000,
        b"a = 1" + b"_1" * 8000,
        b"a = 07:32:00." + b"1" * 16_000,
        b"'" * 16_000,
        b" " * 16_384,
        b"\n" * 16_384,
        b"\0" * 16_384,
        b"\xff" * 16_384,
        b"\xef\xbb\xbf" * 5000,
    ],
)
def test_no_submission_toml_takes_long(source: bytes) -> None:
    """The worst that fits is read or refused in a moment, and never raises anything but ValueError."""
    started = time.process_time()
    try:
        read_toml(source[:TOML_BYTES])
    except ValueError:
        pass
    assert time.process_time() - started < 1


def test_long_texts_do_not_reach_the_scorecard() -> None:
    """What a candidate writes is cut before it is stored."""
    assert len(judged("x" * 5000).model_dump_json()) < 1000
