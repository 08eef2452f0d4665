import contract_gpt
import contract_mm
import matmul
import minigpt
import pytest


@pytest.mark.parametrize("case", contract_gpt.CASES)
@pytest.mark.parametrize("check", contract_gpt.CHECKS)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", contract_mm.CHECKS)
def test_op(check):
    check(matmul)
