"""What a check demands of an answer; each raises CandidateFault with the evidence that a reader needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault
from grader.models import Evidence, Verdict, jsonable

T = TypeVar("T")


def wrong(message: str, **evidence: Any) -> CandidateFault:
    return CandidateFault(Verdict.wrong_answer, message, {key: jsonable(value) for key, value in evidence.items()})


def expect(holds: bool, message: str, **evidence: Any) -> None:
    """Demand that a condition holds."""
    if not holds:
        raise wrong(message, **evidence)


def expect_finite(got: Tensor, what: str) -> None:
    """Demand that no value is NaN or infinite."""
    bad = ~torch.isfinite(got)
    if bad.any():
        where = bad.nonzero()[0].tolist()
        raise wrong(
            f"{what}: {int(bad.sum())} of {got.numel()} values are not finite, first at {where}",
            first_divergence=str(where),
        )


def expect_close(
    got: Tensor, want: Tensor, atol: float, what: str, axes: str = "", evidence: Evidence | None = None
) -> float:
    """Demand got = want within atol, element by element; NaN equals nothing, and nothing broadcasts.

    Returns the largest difference. evidence is filled on success and failure alike.
    """
    kept: Evidence = evidence if evidence is not None else {}
    expect(got.shape == want.shape, f"{what} has shape {list(got.shape)}, not {list(want.shape)}")
    difference = (got.double() - want.double()).abs()
    largest = float(difference.max()) if difference.numel() else 0.0
    if "max_abs_diff" not in kept or not largest <= float(kept["max_abs_diff"]):  # type: ignore[arg-type]
        kept["max_abs_diff"] = jsonable(largest)
    kept["atol"] = atol
    outside = ~(difference <= atol)  # also true where the difference is NaN
    if not outside.any():
        return largest
    where = outside.nonzero()[0].tolist()
    place = f"{axes or 'index'} {where}" if where else "its one value"
    expected, actual = float(want[tuple(where)]), float(got[tuple(where)])
    if not math.isfinite(expected):
        raise wrong(f"{what} is {actual:.6g} at {place}, and what it is held against is not finite either", **kept)
    finite = bool(torch.isfinite(got).all())
    worst = f"largest difference {largest:.3g}" if finite else "some values are not finite"
    kept |= {"expected": jsonable(expected), "actual": jsonable(actual), "first_divergence": place}
    raise CandidateFault(
        Verdict.wrong_answer,
        f"{what} {f'differs at {place}:' if where else 'is'} {actual:.6g}, expected {expected:.6g}; {worst}, "
        f"tolerance {atol:g}",
        kept,
    )


def expect_chosen(logits: Tensor, tokens: Tensor, prompt: int, tie: float, what: str) -> None:
    """Demand that each of the tokens [B, T] after the prompt is the best, or within `tie` of it, by the logits
    [B, T - 1, V] over all but the last."""
    logits = logits[:, prompt - 1 :]  # [B, new, V]
    short = logits.amax(-1) - logits.gather(-1, tokens[:, prompt:, None])[:, :, 0]
    if not bool((short < tie).all()):
        row, at = (~(short < tie)).nonzero()[0].tolist()
        place = f"row {row}, position {prompt + at}"
        expect_finite(logits[row, at], f"{what}: the logits that {place} is chosen by")
        said, best = int(tokens[row, prompt + at]), int(logits[row, at].argmax())
        raise wrong(
            f"{what}: {place} is token {said}, expected {best}, whose logit is {float(short[row, at]):.3g} higher",
            first_divergence=place,
        )


@contextmanager
def presupposing(candidate: Candidate, what: str, *criteria: str) -> Iterator[None]:
    """Run what a check rests on and leaves to other criteria: where that fails, the check is not asked. What is missing
    is missing for every check."""
    try:
        yield
    except CandidateFault as fault:
        if fault.verdict is Verdict.missing:
            raise
        candidate.pass_over(fault, *criteria)
        pytest.skip(f"not asked, for {what}, which is another claim")


def attempt(candidate: Candidate, demand: Callable[[], T], *criteria: str) -> T | None:
    """Give what a demand gives; None where it fails and its process lives on: that it holds is left to other
    criteria."""
    try:
        return demand()
    except CandidateFault as fault:
        if not candidate.is_alive:
            raise
        candidate.pass_over(fault, *criteria)
        return None


def holds(candidate: Candidate, demand: Callable[[], object], *criteria: str) -> bool:
    """Tell whether a demand holds, of plain matrices say: that it does at all is left to other criteria."""
    try:
        demand()
    except CandidateFault as fault:
        candidate.pass_over(fault, *criteria)
        return False
    return True


def expect_before(candidate: Candidate, answer: Tensor, message: str) -> None:
    """Demand that the answer before the last, sent once more, is still what it was."""
    again = candidate.call("before")[1].get("before")
    if again is None or again.shape != answer.shape:
        raise wrong(message)
    same = torch.allclose(again.to(answer.dtype), answer, rtol=0, atol=0, equal_nan=True)
    expect(same, message)  # that a number is none is for others to say


def expect_tokens(got: Tensor, want: Tensor, what: str) -> None:
    """Demand identical tokens."""
    expect(got.shape == want.shape, f"{what} has shape {list(got.shape)}, not {list(want.shape)}")
    differ = got != want
    if differ.any():
        row, column = differ.nonzero()[0].tolist()
        raise wrong(
            f"{what}: row {row}, position {column} is token {int(got[row, column])}, expected {int(want[row, column])}",
            expected=want[row],
            actual=got[row],
            first_divergence=f"row {row}, position {column}",
        )
