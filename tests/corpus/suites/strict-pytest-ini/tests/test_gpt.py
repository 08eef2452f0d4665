import gpt_rules
import minigpt
import pytest


@pytest.mark.gpt
@pytest.mark.parametrize("rule", gpt_rules.CHECKS)
@pytest.mark.parametrize("case", gpt_rules.CASES)
def test_rule(rule, case):
    rule(minigpt, case)


def it_is_found_only_with_the_ini():
    assert callable(minigpt.MiniGPT)
