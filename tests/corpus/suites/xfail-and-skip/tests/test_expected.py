import unittest

import gpt_checks as g
import matmul
import minigpt
import mm_checks as m
import pytest
import torch

pytestmark = [pytest.mark.candidate, pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")]


@pytest.mark.parametrize(
    ("check", "case"),
    [pytest.param(c, k, id=f"{c.__name__}\u2192{k[0]}\n", marks=pytest.mark.slowish) for c in g.CHECKS for k in g.CASES],
)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", m.CHECKS, ids=str)
def test_op(check):
    check(matmul)


@pytest.mark.xfail(raises=AssertionError, strict=True, reason="learned and rotary positions are two things")
def test_schemes_agree():
    model, state = g.build(minigpt, g.CASES[0])
    state = {n: t for n, t in state.items() if n != "pos_emb.weight"}
    idx = g.tokens(2, 5)
    g.near(model(idx)[0].detach(), g.oracle(state, ("rope", *g.CASES[0][1:]), idx))


@pytest.mark.xfail(reason="whatever comes of it", strict=False)
@pytest.mark.parametrize("size", [3, 4])
def test_size_by_luck(size):
    assert size == 3


@pytest.mark.xfail(run=False, reason="would never end")
def test_never_run():
    while True:
        pass


def test_gives_up_half_way():
    model, _ = g.build(minigpt, g.CASES[0])
    if not hasattr(model, "beam_search"):
        pytest.xfail("not asked for")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu():
    assert torch.cuda.is_available()


@pytest.mark.skip
class TestLater:
    def test_nothing(self):
        raise AssertionError


class Old(unittest.TestCase):
    @unittest.skip("old")
    def test_nothing(self):
        self.fail()


def test_bound_has_a_message():
    model, _ = g.build(minigpt, g.CASES[0])
    with pytest.raises(ValueError):
        model(g.tokens(1, g.CASES[0][4] + 1))


def test_approximately():
    A = torch.eye(2, dtype=torch.float64)
    assert matmul.MatMul.apply(A, 3 * A).tolist() == [pytest.approx([3, 0]), pytest.approx([0, 3])]
