"""The checks: one claim each, whose docstring is the sentence that a reader of the report sees.

They are pytest functions that the judge collects with the configuration beside them; plain pytest collects none.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest


def criterion(criterion_id: str) -> pytest.MarkDecorator:
    """Say which line of the rubric a check is part of."""
    return pytest.mark.criterion(criterion_id)


def after_all(check: Callable[..., None]) -> Callable[..., None]:
    """Run a check when all others are done: it shows a submission's code what none of them may come to know."""
    marked: Callable[..., None] = pytest.mark.after_all(check)
    return marked


both_schemes = pytest.mark.parametrize("positions", ["learned", "rope"])
