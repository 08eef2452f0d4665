"""What a check demands: as the checks themselves cannot show it, for these are only run on submissions."""

from __future__ import annotations

import pytest
import torch

from grader.candidate import Candidate, CandidateFault
from grader.checks.expect import attempt, expect, expect_close, holds, presupposing
from grader.judge import settled
from grader.models import CheckResult, Limits, Verdict


@pytest.fixture
def candidate() -> Candidate:
    """One that is never asked."""
    return Candidate({}, {}, Limits(), lambda: pytest.fail("a sandbox was wanted"))


def test_what_a_check_rests_on_is_not_judged_by_it(candidate: Candidate) -> None:
    """Where that fails the check is not asked, and says why: it is neither held nor lost."""
    said = "not asked, for the cache fails, which is another claim"
    with pytest.raises(pytest.skip.Exception, match=said), presupposing(candidate, "the cache fails", "cache.decode"):
        expect(False, "it does not decode")
    with presupposing(candidate, "the cache fails", "cache.decode"):
        expect(True, "it decodes")


def test_what_is_missing_is_missing_for_every_check(candidate: Candidate) -> None:
    """A part that was not handed in is said so, not passed over."""
    with pytest.raises(CandidateFault, match="not in the submission"), presupposing(candidate, "the cache fails"):
        raise CandidateFault(Verdict.missing, "minigpt.py is not in the submission")
    assert not candidate.passed_over


def test_what_was_passed_over_counts_where_the_criteria_that_judge_it_hold(candidate: Candidate) -> None:
    """Else who fails only when a check asks what it rests on would be asked nothing. What was lost elsewhere, or not
    judged at all, is not paid for again."""

    def check(name: str, verdict: Verdict) -> CheckResult:
        return CheckResult(id=name, verdict=verdict, message="", evidence={"claim": "it holds"})

    def fails() -> None:
        raise CandidateFault(Verdict.runtime_error, "decode raised", {"error": {"type": "KeyError"}})

    assert not holds(candidate, fails, "a.one", "a.two")
    candidate._alive = True
    assert attempt(candidate, fails, "a.one", "a.two") is None
    with pytest.raises(pytest.skip.Exception), presupposing(candidate, "it fails", "a.one", "a.two"):
        fails()
    for left in candidate.passed_over:
        for one, mine in ((Verdict.accepted, Verdict.accepted), (Verdict.accepted, Verdict.not_applicable)):
            results = {"a.one": [check("x", one)], "a.two": [check("y", one)], "b": [check("z", mine)]}
            got = settled(results, {("b", "z"): [left]})["b"][0]
            assert got.verdict is Verdict.runtime_error and got.evidence == {
                "claim": "it holds",
                "error": {"type": "KeyError"},
            }
            assert got.message == "decode raised; a.one, a.two hold elsewhere, so it counts here"
    left = candidate.passed_over[0]
    for others in (
        {"a.one": [check("x", Verdict.accepted)]},
        {"a.one": [check("x", Verdict.accepted)], "a.two": [check("y", Verdict.not_applicable)]},
        {
            "a.one": [check("x", Verdict.accepted), check("w", Verdict.wrong_answer)],
            "a.two": [check("y", Verdict.accepted)],
        },
        {"a.one": [check("x", Verdict.accepted)], "a.two": [check("y", Verdict.inconclusive)]},
    ):
        results = others | {"b": [check("z", Verdict.accepted)]}
        assert settled(results, {("b", "z"): [left]}) == results
    lost = {
        "a.one": [check("x", Verdict.accepted)],
        "a.two": [check("y", Verdict.accepted)],
        "b": [check("z", Verdict.time_limit)],
    }
    assert settled(lost, {("b", "z"): [left]}) == lost  # its own fault says more


def test_one_value_has_no_place() -> None:
    """A loss is one number: a message says what it is, not where."""
    with pytest.raises(CandidateFault, match=r"^the loss is 2, expected 1; largest difference 1, tolerance 0.5$"):
        expect_close(torch.tensor(2.0), torch.tensor(1.0), 0.5, "the loss")
