import pytest

hypothesis = pytest.importorskip("hypothesis")

import gpt_checks as g  # noqa: E402
import minigpt  # noqa: E402
from hypothesis import strategies as st  # noqa: E402


@hypothesis.settings(max_examples=5, deadline=None, database=None, derandomize=True)
@hypothesis.given(st.integers(1, 9), st.integers(1, 3))
def test_any_length(length, rows):
    model, state = g.build(minigpt, g.CASES[0])
    idx = g.tokens(rows, length)
    g.near(model(idx)[0].detach(), g.oracle(state, g.CASES[0], idx))
