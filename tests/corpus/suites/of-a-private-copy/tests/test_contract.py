import contract_gpt
import contract_mm
import pytest
from solution import gpt as minigpt
from solution import op as matmul


@pytest.mark.parametrize("case", contract_gpt.CASES)
@pytest.mark.parametrize("check", contract_gpt.CHECKS)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", contract_mm.CHECKS)
def test_op(check):
    check(matmul)
