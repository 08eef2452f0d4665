import matmul
import mm_rules
import pytest


@pytest.mark.op
@pytest.mark.parametrize("rule", mm_rules.CHECKS)
def test_rule(rule):
    rule(matmul)
