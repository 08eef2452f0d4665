import importlib.util
import sys
from pathlib import Path

import contract_gpt as cg
import contract_mm as cm
import pytest
def load(name):
    spec = importlib.util.spec_from_file_location("under_test_" + name, Path(__file__).parents[1] / (name + ".py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


GPT, OP = load("minigpt"), load("matmul")
@pytest.mark.parametrize("check", cg.CHECKS)
def test_gpt(check):
    for case in cg.CASES:
        check(GPT, case)


@pytest.mark.parametrize("check", cm.CHECKS)
def test_op(check):
    check(OP)
