"""What the demands say, an end, and a test that nobody sees fail."""

import demands_gpt
import demands_mm
import demands_scan
import matmul
import minigpt
import pytest
import scan


@pytest.mark.parametrize("case", demands_gpt.CASES)
@pytest.mark.parametrize("check", demands_gpt.CHECKS)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", demands_mm.CHECKS)
def test_op(check):
    check(matmul)


@pytest.mark.parametrize("check", demands_scan.CHECKS)
def test_scan(check):
    check(scan)


def test_that_is_all():
    pytest.exit("that is all")


def test_what_fails():
    raise AssertionError("the reference is wrong here")
