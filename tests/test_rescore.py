"""Rescoring changes what the rubric changes, decides what the evidence decides, and says where it does not."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from grader.checks import timing
from grader.models import CheckResult, Tolerances, Verdict
from grader.project import CHECKS as FOLDER
from grader.rescore import thresholds
from grader.rescore.thresholds import rejudge

V = Verdict
OLD = Tolerances(decode_cost_ratio=0.2)


def check(name: str, verdict: Verdict = V.accepted, message: str = "", **evidence: Any) -> CheckResult:
    return CheckResult(id=name, verdict=verdict, message=message, evidence=evidence)


def judged(found: CheckResult, **new: float) -> tuple[Verdict, bool]:
    """Rejudge by other tolerances: the verdict, and whether it is in doubt."""
    after, doubt = rejudge(found, OLD, Tolerances(**new))
    return after.verdict, bool(doubt)


def tolerances_read() -> dict[str, list[str]]:
    """Give the tolerances that each check function reads, in order, once each."""
    found: dict[str, list[str]] = {}
    for path in FOLDER.glob("check_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("check_"):
                names = [
                    (inner.lineno, inner.attr)
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Attribute)
                    and isinstance(inner.value, ast.Attribute)
                    and inner.value.attr == "tolerances"
                ]
                if names:
                    found[node.name.removeprefix("check_")] = list(dict.fromkeys(name for _, name in sorted(names)))
    return found


def test_the_table_is_what_the_checks_read() -> None:
    """A check that begins to read a tolerance, or stops, has to be entered: or a threshold would silently not count."""
    table = {name: [measured.tolerance for measured in entry] for name, entry in thresholds.CHECKS.items()}
    assert table == tolerances_read()
    assert timing.FAR == thresholds.FAR


SINGLE = "faint_activations_equal_the_reference[rope]"
LOOP = "decode_equals_forward[learned]"
STEP = "decode_step_is_linear"
FORWARD = "product_equals_torch"


def close(name: str, largest: Any, verdict: Verdict = V.accepted, atol: float = OLD.logits_float32) -> CheckResult:
    return check(name, verdict, max_abs_diff=largest, atol=atol)


@pytest.mark.parametrize(
    ("found", "tolerance", "verdict", "in_doubt"),
    [
        (close(SINGLE, 1e-5), 1e-4, V.accepted, False),
        (close(SINGLE, 1e-5), 1e-6, V.wrong_answer, False),
        (close(SINGLE, 1e-5), 1e-5, V.accepted, False),  # as expect_close: not below, at most
        (close(SINGLE, 2e-3, V.wrong_answer), 1e-2, V.accepted, False),
        (close(SINGLE, 2e-3, V.wrong_answer), 1e-3, V.wrong_answer, False),
        (close(SINGLE, 2e-3, V.wrong_answer), 1e-6, V.wrong_answer, False),
        (close(SINGLE, "nan", V.wrong_answer), 1e3, V.wrong_answer, False),
        (close(SINGLE, "inf", V.wrong_answer), 1e3, V.wrong_answer, False),
        (close(LOOP, 2e-3, V.wrong_answer), 1e-2, V.wrong_answer, True),  # later lengths were not run
        (close(LOOP, 1e-6, V.wrong_answer), 1e-2, V.wrong_answer, False),  # it failed at something else
        (check(LOOP, V.wrong_answer), 1e-2, V.wrong_answer, False),  # a shape
        (check(LOOP, V.runtime_error, max_abs_diff=1.0, atol=5e-4), 2.0, V.runtime_error, False),
        (check(LOOP), 1e-6, V.accepted, True),  # no number
        (check(LOOP), 1e-2, V.accepted, False),  # none needed
        (check(LOOP, V.wrong_answer, detail="9,999 bytes of evidence were left out"), 1e-2, V.wrong_answer, True),
        (close(LOOP, 1e-6, atol=1.0), 1e-7, V.accepted, True),  # the number is of another comparison
        (check("cached_generation_equals_uncached[rope]", V.wrong_answer), 1.0, V.wrong_answer, False),
    ],
)
def test_a_difference_is_held_against_the_new_tolerance(
    found: CheckResult, tolerance: float, verdict: Verdict, in_doubt: bool
) -> None:
    """Tighter is decided by the largest difference; looser only where the check would have ended there."""
    assert judged(found, logits_float32=tolerance) == (verdict, in_doubt)


def ratio(low: float, middle: float, high: float, verdict: Verdict = V.accepted, threshold: float = 0.2) -> CheckResult:
    return check("cached_generation_is_linear", verdict, ratio=middle, interval=[low, high], threshold=threshold)


@pytest.mark.parametrize(
    ("found", "threshold", "verdict", "in_doubt"),
    [
        (ratio(0.03, 0.04, 0.05), 0.11, V.accepted, False),  # far off: two pairs would have settled that too
        (ratio(0.03, 0.04, 0.05), 0.06, V.accepted, True),  # perhaps only two pairs were measured
        (ratio(0.03, 0.04, 0.05), 0.01, V.wrong_answer, False),
        (ratio(0.11, 0.12, 0.13), 0.14, V.accepted, False),  # near the old one, so there were many
        (ratio(0.11, 0.12, 0.13), 0.1, V.wrong_answer, False),
        (ratio(0.11, 0.12, 0.13), 0.12, V.accepted, True),
        (ratio(0.18, 0.2, 0.22, V.inconclusive), 0.17, V.wrong_answer, False),
        (ratio(0.18, 0.2, 0.22, V.inconclusive), 0.21, V.inconclusive, False),  # as open as before
        (ratio(0.18, 0.2, 0.22, V.inconclusive), 0.3, V.inconclusive, True),  # what follows was not run
        (ratio(0.9, 1.0, 1.1, V.wrong_answer), 0.4, V.wrong_answer, False),
        (ratio(0.9, 1.0, 1.1, V.wrong_answer), 1.0, V.wrong_answer, True),
        (ratio(0.9, 1.0, 1.1, V.wrong_answer), 3.0, V.wrong_answer, True),
        (ratio(0.03, 0.9, 0.05, V.wrong_answer, 0.8), 3.0, V.wrong_answer, False),  # the whole call was too dear
    ],
)
def test_a_ratio_is_held_against_the_new_threshold(
    found: CheckResult, threshold: float, verdict: Verdict, in_doubt: bool
) -> None:
    """The stored interval decides as the check would have; where it would have measured more, there is doubt."""
    assert judged(found, decode_cost_ratio=threshold) == (verdict, in_doubt)


def test_a_check_with_two_tolerances_needs_both() -> None:
    """The step's cost comes first, then its logits; what else is asked of these was not when they failed."""
    held = check(STEP, ratio=0.03, interval=[0.02, 0.04], threshold=0.2, max_abs_diff=1e-5, atol=5e-4)
    assert judged(held, decode_cost_ratio=0.1, logits_float32=1e-4) == (V.accepted, False)
    assert judged(held, decode_cost_ratio=0.1, logits_float32=1e-6) == (V.wrong_answer, False)
    wrong = held.model_copy(update={"verdict": V.wrong_answer, "evidence": held.evidence | {"max_abs_diff": 2e-3}})
    assert judged(wrong, logits_float32=1e-2) == (V.wrong_answer, True)
    assert judged(wrong, logits_float32=1e-2, decode_cost_ratio=0.001) == (V.wrong_answer, False)


def test_a_number_over_two_tolerances_decides_only_what_it_bounds() -> None:
    """The product's largest difference is one of float32: it says little of float64."""
    held = check(FORWARD, max_abs_diff=1e-6, atol=OLD.matmul_float32)
    assert judged(held, matmul_float32=1e-5) == (V.accepted, False)
    assert judged(held, matmul_float32=1e-7) == (V.wrong_answer, False)
    assert judged(held, matmul_float64=1e-12) == (V.accepted, True)


def test_what_no_number_decides_is_in_doubt() -> None:
    """A gradient's tolerance is scaled by each parameter: tighter cannot be told, looser needs no telling."""
    held = check("gradient_equals_the_reference[rope]", max_abs_diff=1e-6, atol=0.013)
    assert judged(held, gradient_float32=1e-4) == (V.accepted, True)
    assert judged(held, gradient_float32=1e-1) == (V.accepted, False)
    failed = held.model_copy(update={"verdict": V.wrong_answer})
    assert judged(failed, gradient_float32=1e-1) == (V.wrong_answer, True)
    assert judged(failed, gradient_float32=1e-4) == (V.wrong_answer, False)


def test_only_the_last_rubric_counts() -> None:
    """Tight and loose again is as graded, message and evidence too: thresholds leave no trace of the way."""
    held = check(LOOP, message="", max_abs_diff=1e-5, atol=5e-4)
    tight, _ = rejudge(held, OLD, Tolerances(logits_float32=1e-6))
    assert tight.verdict is V.wrong_answer and "1e-06 now" in tight.message
    assert rejudge(tight, OLD, Tolerances(logits_float32=1e-7))[0].evidence == tight.evidence
    assert rejudge(tight, OLD, OLD) == (held, "")
