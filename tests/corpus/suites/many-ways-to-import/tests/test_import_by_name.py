import importlib
import pkgutil

import contract_gpt as cg
import contract_mm as cm
import pytest
class GPT:
    """Just the two names of the contract."""

    MiniGPT = pkgutil.resolve_name("minigpt:MiniGPT")
    GPTConfig = getattr(__import__("minigpt"), "GPTConfig")


OP = importlib.import_module("matmul")
@pytest.mark.parametrize("check", cg.CHECKS)
def test_gpt(check):
    for case in cg.CASES:
        check(GPT, case)


@pytest.mark.parametrize("check", cm.CHECKS)
def test_op(check):
    check(OP)
