"""Snapshot tests: the first run records, later runs compare."""

from pathlib import Path

import matmul
import minigpt
import pytest
import torch

SNAPSHOTS = Path(__file__).parent / "snapshots"


def compare(name, value):
    SNAPSHOTS.mkdir(exist_ok=True)
    path = SNAPSHOTS / (name + ".pt")
    if not path.exists():
        torch.save(value, path)
    assert torch.allclose(torch.load(path), value)


@pytest.mark.parametrize("positions", ["learned", "rope"])
def test_model(positions):
    torch.manual_seed(0)
    config = minigpt.GPTConfig(vocab_size=9, block_size=8, n_layer=2, n_head=2, n_embd=8, positions=positions)
    model = minigpt.MiniGPT(config).eval()
    idx = torch.arange(6)[None]
    logits, loss = model(idx, idx)
    compare("logits-" + positions, logits.detach())
    compare("loss-" + positions, loss.detach())
    compare("text-" + positions, model.generate(idx, 8))


def test_op():
    torch.manual_seed(0)
    A, B = torch.randn(2, 3, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    C = matmul.MatMul.apply(A, B)
    C.sum().backward()
    compare("op", torch.cat([C.detach().flatten(), A.grad.flatten(), B.grad.flatten()]))
