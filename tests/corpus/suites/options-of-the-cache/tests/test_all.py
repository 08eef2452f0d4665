import matmul
import minigpt
import pytest
from rules_gpt import CASES
from rules_gpt import CHECKS as OF_GPT
from rules_mm import CHECKS as OF_MM


@pytest.mark.parametrize("check", OF_GPT, ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", OF_MM, ids=lambda f: f.__name__)
def test_op(check):
    check(matmul)


def test_runs_are_counted(cache):
    cache.set("rules/runs", cache.get("rules/runs", 0) + 1)
    assert cache.get("rules/runs", 0) >= 1
