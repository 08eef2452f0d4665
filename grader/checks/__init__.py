"""The checks: one claim each, whose docstring is the sentence that a reader of the report sees.

They are pytest functions that the judge collects with the configuration beside them; plain pytest collects none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from grader.candidate import Candidate
    from grader.checks.cases import Draw


def criterion(criterion_id: str) -> pytest.MarkDecorator:
    """Say which line of the rubric a check is part of."""
    return pytest.mark.criterion(criterion_id)


def begins_early(work: Callable[[Candidate, Draw], object]) -> pytest.MarkDecorator:
    """Run work beside the checks before this one; the check takes its result from the fixture `early`."""
    return pytest.mark.begins_early(work=work)


both_schemes = pytest.mark.parametrize("positions", ["learned", "rope"])
