import minigpt
from tests.support.gpt import CASES, build, near, oracle, tokens

from ..support import almost, mm


def test_one_layer_is_enough_to_see_it():
    model, state = build(minigpt, CASES[0], 11)
    idx = tokens(4, 3)
    near(model(idx)[0].detach(), oracle(state, CASES[0], idx))


def test_helper_itself():
    A, B, dC = mm.operands((2, 3), (3, 4))
    almost(mm.exact(A, B, dC)[0], dC @ B.T)
