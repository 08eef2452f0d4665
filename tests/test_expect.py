"""What a check demands: as the checks themselves cannot show it, for these are only run on submissions."""

from __future__ import annotations

import pytest
import torch

from grader.candidate import CandidateFault
from grader.checks.expect import expect, expect_close, presupposing
from grader.models import Verdict


def test_what_a_check_rests_on_is_not_judged_by_it() -> None:
    """Where that fails the check is not asked, and says why: it is neither held nor lost."""
    said = "not asked, for the cache fails, which is another claim"
    with pytest.raises(pytest.skip.Exception, match=said), presupposing("the cache fails"):
        expect(False, "it does not decode")
    with presupposing("the cache fails"):
        expect(True, "it decodes")


def test_what_is_missing_is_missing_for_every_check() -> None:
    """A part that was not handed in is said so, not passed over."""
    with pytest.raises(CandidateFault, match="not in the submission"), presupposing("the cache fails"):
        raise CandidateFault(Verdict.missing, "minigpt.py is not in the submission")


def test_one_value_has_no_place() -> None:
    """A loss is one number: a message says what it is, not where."""
    with pytest.raises(CandidateFault, match=r"^the loss is 2, expected 1; largest difference 1, tolerance 0.5$"):
        expect_close(torch.tensor(2.0), torch.tensor(1.0), 0.5, "the loss")
