import os
import sys

sys.path.insert(0, os.getcwd())
sys.path.insert(0, "..")
sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir))

import contract_gpt as cg
import contract_mm as cm
import pytest
import matmul as OP
import minigpt as GPT

sys.path.remove("..")
@pytest.mark.parametrize("check", cg.CHECKS)
def test_gpt(check):
    for case in cg.CASES:
        check(GPT, case)


@pytest.mark.parametrize("check", cm.CHECKS)
def test_op(check):
    check(OP)
