"""Scoring: every point has a reason, and none is given or taken by accident."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader import score
from grader.models import CheckResult, Job, Outcome, Rubric, RunInfo, Scorecard, SubmissionInfo, Verdict, Weights

V = Verdict
ALICE = SubmissionInfo(name="alice", digest="sha256:0")
RUN = RunInfo(seed=1, sandbox="bubblewrap", started_at="2026-01-01T00:00:00Z", duration_s=1, rubric_digest="sha256:1")
RUBRIC = Rubric.model_validate(
    {
        "schema": "rubric/1",
        "name": "small",
        "title": "Small",
        "criteria": [
            {"id": "gpt.load", "title": "Loads.", "points": 40},
            {"id": "gpt.loss", "title": "Loses.", "points": 60},
            {"id": "diagnosis.bugs", "title": "Names.", "points": 4},
            {"id": "scan.steps", "title": "Steps.", "points": 2, "bonus": True},
        ],
        "reviews": [{"id": "review.scan", "title": "Scan", "scale": 4, "anchors": list("abcde")}],
    }
)


def card(**verdicts: list[Verdict] | Verdict) -> Scorecard:
    """Score check verdicts: load, loss, bugs, steps; what is not named has no results."""
    names = {"load": "gpt.load", "loss": "gpt.loss", "bugs": "diagnosis.bugs", "steps": "scan.steps"}
    results = {}
    for name, given_ in verdicts.items():
        each = given_ if isinstance(given_, list) else [given_]
        results[names[name]] = tuple(
            CheckResult(
                id=f"{name}{i}", verdict=verdict, message=f"{name}{i} says {verdict}", evidence={"fraction": 0.5}
            )
            for i, verdict in enumerate(each)
        )
    return score.build(RUBRIC, ALICE, RUN, results)


def test_everything_accepted_is_the_maximum() -> None:
    """Full marks are 100 and the bonus stands apart, with a diagnosis and without."""
    for bugs in (V.accepted, V.not_applicable):
        full = card(load=V.accepted, loss=V.accepted, bugs=bugs, steps=V.accepted)
        assert (full.outcome, full.score, full.bonus, full.pending, full.final) == (Outcome.graded, 100, 2, 0, None)


def test_points_that_apply_are_scaled_to_the_maximum() -> None:
    """With a kit, 104 points are 100; what does not apply leaves both sides."""
    assert card(load=V.accepted, loss=V.wrong_answer, bugs=V.accepted).score == round(44 / 104 * 100, 4)
    assert card(load=V.accepted, loss=V.wrong_answer).score == 40
    assert card(load=V.accepted).score == 100
    assert card(steps=V.accepted).score == 0


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([V.accepted, V.accepted], V.accepted),
        ([V.accepted, V.time_limit, V.wrong_answer], V.time_limit),
        ([V.inconclusive, V.wrong_answer], V.wrong_answer),
        ([V.inconclusive, V.accepted, V.partial], V.inconclusive),
        ([V.accepted, V.partial], V.partial),
        ([V.partial, V.missing], V.missing),
        ([V.not_applicable, V.accepted], V.accepted),
        ([V.not_applicable], V.not_applicable),
        ([], V.not_applicable),
    ],
)
def test_a_criterion_has_the_verdict_of_its_first_failing_check(checks: list[Verdict], verdict: Verdict) -> None:
    """All or nothing: one failing check is named and costs the criterion."""
    result = card(load=checks, loss=V.accepted).criteria[0]
    assert result.verdict is verdict
    assert result.earned == {V.accepted: 40, V.partial: 20}.get(verdict, 0)


def test_inconclusive_points_are_pending() -> None:
    """What a person must decide is neither earned nor lost, and in the unit of the score."""
    undecided = card(load=V.inconclusive, loss=V.accepted, bugs=V.accepted)
    assert undecided.score is not None
    assert undecided.score + undecided.pending == pytest.approx(100)
    assert undecided.criteria[0].earned == 0
    assert card(load=V.accepted, loss=V.accepted, steps=V.inconclusive).pending == 2


def test_a_harness_error_leaves_no_score() -> None:
    """No number is better than an unfair one; what was judged stays to be read."""
    broken = card(load=[V.accepted, V.harness_error], loss=V.accepted, steps=V.accepted)
    assert (broken.outcome, broken.score, broken.bonus) == (Outcome.harness_error, None, 0)
    assert "load1 says harness_error" in broken.reason
    assert broken.criteria[1].verdict is V.accepted


def test_a_rejected_submission_scores_zero_with_its_reason() -> None:
    """Rejected is a score of 0 and says why."""
    job = Job(path="x", name="alice", rubric=RUBRIC, rubric_digest="sha256:1", sandbox="docker", seed=1)
    out = score.rejected(job, RUN, "more than 500 files")
    assert (out.outcome, out.score, out.reason) == (Outcome.rejected, 0, "more than 500 files")


def test_partial_without_a_sane_fraction_earns_nothing() -> None:
    """A fraction that is missing, no number or out of range never earns too much."""
    for fraction, earned in ((None, 0), ("1", 0), (True, 0), (7, 40), (-1, 0), ("nan", 0), (float("nan"), 0)):
        checks = (CheckResult(id="a", verdict=V.partial, evidence={"fraction": fraction}),)
        assert score.build(RUBRIC, ALICE, RUN, {"gpt.load": checks}).criteria[0].earned == earned


def test_messages_that_no_file_can_hold_are_spelled_out() -> None:
    """A lone surrogate in an exception's text costs nobody the scorecard."""
    evil = CheckResult(
        id="a", verdict=V.runtime_error, message="\ud800", evidence={"\udfff": ["\ud800", {"k": "\ud800"}]}
    )
    out = score.build(RUBRIC, ALICE, RUN, {"gpt.load": (evil,)}, output="\udc80")
    assert Scorecard.model_validate_json(out.to_json()) == out
    assert out.criteria[0].checks[0].message == out.output.replace("dc80", "d800") == "\\ud800"


def test_results_of_criteria_that_the_rubric_lacks_count_for_nothing() -> None:
    """A rubric that leaves criteria out is scored on its own lines only."""
    extra = {"matmul.forward": (CheckResult(id="x", verdict=V.wrong_answer),)}
    assert (
        score.build(RUBRIC, ALICE, RUN, extra | {"gpt.load": (CheckResult(id="a", verdict=V.accepted),)}).score == 100
    )


def test_the_final_mark_waits_for_every_review() -> None:
    """70 to 30 once every item is marked; nothing before."""
    (mark,) = card(load=V.accepted).reviews
    assert score.final(90, 100, [mark], RUBRIC.weights) is None
    assert score.final(90, 100, [mark.model_copy(update={"mark": 2})], RUBRIC.weights) == 0.7 * 90 + 0.3 * 50
    assert score.final(90, 100, [mark.model_copy(update={"mark": 4})], Weights(automatic=1, review=1)) == 95
    assert score.final(90, 100, [], RUBRIC.weights) == 90


@given(st.lists(st.lists(st.sampled_from(list(Verdict)), max_size=3), min_size=4, max_size=4))
def test_no_verdicts_give_more_than_there_is(verdicts: list[list[Verdict]]) -> None:
    """Whatever the checks say: 0 <= score <= score + pending <= maximum (+ bonus), and it survives JSON."""
    out = card(load=verdicts[0], loss=verdicts[1], bugs=verdicts[2], steps=verdicts[3])
    assert (out.score is None) == any(V.harness_error in each for each in verdicts)
    if out.score is not None:
        assert 0 <= out.score <= out.score + out.pending <= 100 + 2 + 1e-3
        assert 0 <= out.bonus <= 2
    assert Scorecard.model_validate_json(out.to_json()) == out
