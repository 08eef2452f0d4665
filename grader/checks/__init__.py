"""The checks: one claim each, whose docstring is the sentence that a reader of the report sees.

They are pytest functions that the judge collects with the configuration beside them; plain pytest collects none.
"""

import pytest


def criterion(criterion_id: str) -> pytest.MarkDecorator:
    """Say which line of the rubric a check is part of."""
    return pytest.mark.criterion(criterion_id)


both_schemes = pytest.mark.parametrize("positions", ["learned", "rope"])
