from ...support.gpt import CASES, tokens
from ..test_contract import test_helper_itself as test_again  # noqa: F401


def test_tokens_are_the_same_each_time():
    assert tokens(2, 3).tolist() == tokens(2, 3).tolist()
    assert len(CASES) == 2
