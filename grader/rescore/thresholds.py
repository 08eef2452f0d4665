"""What a stored measurement says against another threshold. Where it says nothing the verdict is kept, in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.models import CheckResult, Evidence, Tolerances, Verdict

FAR = 2  # two pairs settle a ratio that is this far off: grader/checks/timing.py
GRADED = "graded"  # the evidence's key for what a check said when it was graded, where a rescore changed it
LEFT_OUT = "bytes of evidence were left out"
Side = Literal["within", "outside", "unknown"]


@dataclass(frozen=True)
class Measured:
    """How a check holds what it measured against a tolerance.

    difference: the evidence's max_abs_diff, taken against this tolerance alone; mixed: taken against others too, so
    only a bound; ratio: the evidence's interval; unrecorded: no number that could be held against the tolerance.
    """

    tolerance: str
    kind: Literal["difference", "mixed", "ratio", "unrecorded"] = "difference"
    last: bool = False  # the check ends with it: who is within it holds


# Every check that reads a tolerance, in the order in which it does; tests/test_rescore.py holds it against the checks.
CHECKS: dict[str, tuple[Measured, ...]] = {
    "follows_float64": (Measured("logits_float64"), Measured("logits_float32", "unrecorded")),
    "logits_equal_the_reference": (Measured("logits_float32"),),
    "faint_activations_equal_the_reference": (Measured("logits_float32", last=True),),
    "long_sequences_equal_the_reference": (Measured("logits_float32", last=True),),
    "models_of_other_sizes_equal_the_reference": (Measured("logits_float32"),),
    "loss_equals_the_reference": (Measured("loss_float32"),),
    "gradient_equals_the_reference": (Measured("gradient_float32", "unrecorded"),),  # times each parameter's largest
    "gradient_is_that_of_the_loss_with_dropout": (Measured("loss_float32"),),
    "dropout_is_gated_by_mode": (Measured("logits_float32"),),
    "prefill_equals_forward": (Measured("logits_float32"),),
    "decode_equals_forward": (Measured("logits_float32"),),
    "decode_equals_forward_to_the_far_end": (Measured("logits_float32"),),
    "chunked_decode_equals_forward": (Measured("logits_float32"),),
    "cached_generation_equals_uncached": (Measured("logits_float32", "unrecorded"),),
    "rows_and_generations_do_not_mix": (Measured("logits_float32"),),
    "decode_step_is_linear": (Measured("decode_cost_ratio", "ratio"), Measured("logits_float32")),
    "cached_generation_is_linear": (
        Measured("decode_cost_ratio", "ratio"),
        Measured("logits_float32", "unrecorded"),
    ),
    "product_equals_torch": (Measured("matmul_float64", "mixed"), Measured("matmul_float32")),
    "2d_gradients_are_exact": (Measured("matmul_float64"), Measured("matmul_float32", "unrecorded")),
    "gradients_of_any_size_are_exact": (Measured("matmul_float64", "unrecorded"),),
    "batched_gradients_are_exact": (Measured("matmul_float64"), Measured("matmul_float32", "unrecorded")),
    "backward_reduces_over_broadcast_axes": (Measured("matmul_float64"), Measured("matmul_float32", "unrecorded")),
    "strided_operands_and_gradients": (Measured("matmul_float64"),),
    "empty_dimensions": (Measured("matmul_float64"),),
    "tensors_are_kept_with_save_for_backward": (Measured("matmul_float64", "unrecorded"),),
    "time_is_near_torchs_own": (Measured("matmul_time_ratio", "ratio"),),
    "double_backward": (Measured("matmul_float64", "unrecorded"),),
    "every_prefix_of_the_tiled_product": (
        Measured("matmul_float32", "unrecorded"),
        Measured("matmul_float64", "mixed"),
    ),
}


def rejudge(check: CheckResult, old: Tolerances, new: Tolerances) -> tuple[CheckResult, str]:
    """Judge a stored check by other tolerances than the old ones, which it was graded by.

    Gives the check, and a sentence where the evidence does not settle it and the verdict is kept. What an earlier
    rescore changed is taken back first, so that only the new tolerances count, not the way to them.
    """
    graded = as_graded(check)
    measured = CHECKS.get(graded.id.split("[")[0], ())
    pairs = [(m, getattr(old, m.tolerance), getattr(new, m.tolerance)) for m in measured]
    moved = [(m, was, now) for m, was, now in pairs if was != now]
    if graded.verdict is Verdict.accepted:
        return _accepted(graded, moved)
    if graded.verdict in (Verdict.wrong_answer, Verdict.inconclusive):
        return _failed(graded, moved)
    return graded, ""  # a fault is no measurement


def as_graded(check: CheckResult) -> CheckResult:
    """Give a check as it was before any rescore."""
    then = check.evidence.get(GRADED)
    if not isinstance(then, dict):
        return check
    evidence = {key: value for key, value in check.evidence.items() if key != GRADED}
    verdict, message = Verdict(str(then["verdict"])), str(then["message"])
    return check.model_copy(update={"verdict": verdict, "message": message, "evidence": evidence})


def _accepted(check: CheckResult, moved: list[tuple[Measured, float, float]]) -> tuple[CheckResult, str]:
    """Who holds by one tolerance holds by a looser one; by a tighter one, as the numbers say."""
    doubt = ""
    for measured, old, new in moved:
        if new > old:
            continue
        side = _side(check.evidence, measured, old, new)
        if side == "outside":
            return _changed(check, Verdict.wrong_answer, measured, old, new), ""
        if side == "unknown":
            doubt = doubt or _doubt(check, measured, old, new, "what is stored does not say whether that still holds")
    return check, doubt


def _failed(check: CheckResult, moved: list[tuple[Measured, float, float]]) -> tuple[CheckResult, str]:
    """A check ends at its first failure: a looser tolerance helps where nothing follows, and is in doubt elsewhere."""
    for measured, old, new in moved:
        side = _side(check.evidence, measured, old, new)
        if side == "outside":
            wrong = check.verdict is Verdict.wrong_answer
            return (check if wrong else _changed(check, Verdict.wrong_answer, measured, old, new)), ""
        if new <= old or not _failed_here(check.evidence, measured, old):
            continue
        if side == "within" and measured.last:
            return _changed(check, Verdict.accepted, measured, old, new), ""
        if check.verdict is Verdict.inconclusive and side == "unknown":
            return check, ""  # as open as it was
        return check, _doubt(check, measured, old, new, "the check ended where it failed, and what follows was not run")
    return check, ""


def _side(evidence: Evidence, measured: Measured, old: float, new: float) -> Side:
    """Say on which side of a tolerance the stored measurement lies."""
    if measured.kind == "ratio":
        interval = _interval(evidence)
        return "unknown" if interval is None else _ratio_side(interval, old, new)
    if measured.kind == "unrecorded":
        return "unknown"
    largest = _number(evidence.get("max_abs_diff"))
    if largest is None:
        return "unknown"
    if measured.kind == "mixed":
        return "within" if largest <= new else "unknown"
    if evidence.get("atol") != old:
        return "unknown"  # the number is of another comparison
    return "within" if largest <= new else "outside"  # NaN is never within


def _ratio_side(interval: tuple[float, float], old: float, new: float) -> Side:
    low, high = interval
    if high < new / FAR or low > new * FAR:
        return "within" if high < new else "outside"
    if high < old / FAR or low > old * FAR:
        return "unknown"  # that was far off, and may have been settled by two pairs
    return "within" if high < new else "outside" if low > new else "unknown"


def _failed_here(evidence: Evidence, measured: Measured, old: float) -> bool:
    """Tell whether a check that failed did so, or may have done so, at this tolerance."""
    if LEFT_OUT in str(evidence.get("detail", "")):
        return True
    if measured.kind == "ratio":
        interval = _interval(evidence)
        return interval is not None and not interval[1] < old
    if measured.kind == "difference":
        return _side(evidence, measured, old, old) == "outside"
    return "atol" in evidence


def _interval(evidence: Evidence) -> tuple[float, float] | None:
    ends = evidence.get("interval")
    if not isinstance(ends, list) or len(ends) != 2:
        return None
    low, high = _number(ends[0]), _number(ends[1])
    return None if low is None or high is None else (low, high)


def _number(value: object) -> float | None:
    """Give a number; one that is not finite was stored as its name."""
    if value in ("nan", "inf", "-inf"):
        return float(str(value))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _said(evidence: Evidence, measured: Measured) -> str:
    if measured.kind == "ratio" and (interval := _interval(evidence)):
        return f"the ratio lies in {interval[0]:.3g} to {interval[1]:.3g}"
    return f"the largest difference is {_number(evidence.get('max_abs_diff')):.3g}"


def _changed(check: CheckResult, verdict: Verdict, measured: Measured, old: float, new: float) -> CheckResult:
    then: Evidence = {GRADED: {"verdict": check.verdict.value, "message": check.message}}
    said = f"{_said(check.evidence, measured)}; {measured.tolerance} is {new:g} now, and was {old:g} when it was graded"
    return check.model_copy(update={"verdict": verdict, "message": said, "evidence": check.evidence | then})


def _doubt(check: CheckResult, measured: Measured, old: float, new: float, why: str) -> str:
    return f"{check.id}: {measured.tolerance} {old:g} -> {new:g}: {why}; its verdict is kept ({check.verdict})"
