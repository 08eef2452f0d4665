import contract_gpt
import contract_mm
import matmul
import minigpt
import pytest
import torch
from matmul import fold_back
from minigpt import CausalHeads, Widen, turn_pairs


@pytest.mark.parametrize("case", contract_gpt.CASES)
@pytest.mark.parametrize("check", contract_gpt.CHECKS)
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", contract_mm.CHECKS)
def test_op(check):
    check(matmul)


def test_pieces():
    x = torch.randn(1, 2, 3, 4)
    assert torch.equal(turn_pairs(x, 0)[:, :, 0], x[:, :, 0])
    assert fold_back(torch.ones(2, 3), torch.Size([1, 3])).tolist() == [[2.0, 2.0, 2.0]]


def test_blocks():
    model, _ = contract_gpt.build(minigpt, contract_gpt.CASES[0])
    assert isinstance(model.blocks[0].attn, CausalHeads)
    assert isinstance(model.blocks[0].mlp, Widen)
    logits, cache = model._forward_cached(contract_gpt.tokens(1, 3), None)
    assert len(cache) == 3
