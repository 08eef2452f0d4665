import pytest

import matmul
import minigpt

from .support import gpt, mm


@pytest.mark.parametrize("case", gpt.CASES, ids=lambda case: case[0])
@pytest.mark.parametrize("check", gpt.CHECKS, ids=lambda check: check.__name__)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", mm.CHECKS)
class TestMatMul:
    def test_op(self, check):
        check(matmul)
