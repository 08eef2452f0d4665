"""What a stored measurement says against another threshold: pure. Where it says nothing, the verdict is kept, in doubt."""

from __future__ import annotations

from collections.abc import Iterator
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
    "follows_float64": (Measured("logits_float64", last=True),),
    "logits_equal_the_reference": (Measured("logits_float32"),),
    "faint_activations_equal_the_reference": (Measured("logits_float32", last=True),),
    "long_sequences_equal_the_reference": (Measured("logits_float32", last=True),),
    "loss_equals_the_reference": (Measured("loss_float32"),),
    "gradient_equals_the_reference": (Measured("gradient_float32", "unrecorded"),),  # times each parameter's largest
    "dropout_is_gated_by_mode": (Measured("logits_float32"),),
    "prefill_equals_forward": (Measured("logits_float32"),),
    "decode_equals_forward": (Measured("logits_float32"),),
    "chunked_decode_equals_forward": (Measured("logits_float32"),),
    "rows_and_generations_do_not_mix": (Measured("logits_float32"),),
    "decode_step_is_linear": (Measured("decode_cost_ratio", "ratio"), Measured("logits_float32", last=True)),
    "cached_generation_is_linear": (Measured("decode_cost_ratio", "ratio"),),
    "product_equals_torch": (Measured("matmul_float64", "mixed"), Measured("matmul_float32")),
    "2d_gradients_are_exact": (Measured("matmul_float64"), Measured("matmul_float32", "unrecorded")),
    "one_sided_gradients": (Measured("matmul_float64"),),
    "batched_gradients_are_exact": (Measured("matmul_float64"),),
    "backward_reduces_over_broadcast_axes": (Measured("matmul_float64"),),
    "strided_operands_and_gradients": (Measured("matmul_float64"),),
    "empty_dimensions": (Measured("matmul_float64"),),
    "tensors_are_kept_with_save_for_backward": (Measured("matmul_float64", "unrecorded"),),
    "time_is_near_torchs_own": (Measured("matmul_time_ratio", "ratio"),),
    "every_prefix_of_the_tiled_product": (Measured("matmul_float64"),),
}
