"""A solution in another text does the same: nobody can know it by its text."""

from __future__ import annotations

import dis
import importlib.util
import inspect
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
import torch

from grader.kit.bugs import apply, load_bugs
from grader.kit.disguise import INTERFACE, disguise
from grader.project import REFERENCE

PARTS = ("minigpt", "matmul", "scan")
SOURCES = {f"{part}.py": (REFERENCE / f"{part}.py").read_text() for part in PARTS}
CONFIG = {"vocab_size": 11, "block_size": 9, "n_layer": 2, "n_head": 2, "n_embd": 12}


def load(text: str, name: str, folder: Path) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=range(3))
def pairs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, tuple[Any, Any]]]:
    """Each part as it is and in disguise."""
    rng = random.Random(request.param)
    made = {
        part: (
            load(SOURCES[f"{part}.py"], f"plain_{part}", tmp_path),
            load(disguise(SOURCES[f"{part}.py"], rng), f"disguised_{part}", tmp_path),
        )
        for part in PARTS
    }
    yield made
    for part in PARTS:
        del sys.modules[f"plain_{part}"], sys.modules[f"disguised_{part}"]


@pytest.mark.parametrize("positions", ["learned", "rope"])
def test_a_model_in_disguise_computes_the_same(pairs: dict[str, tuple[Any, Any]], positions: str) -> None:
    """Logits, loss, cached generation and the names of parameters are what they were, to the bit."""
    models = [module.MiniGPT(module.GPTConfig(**CONFIG, positions=positions)).eval() for module in pairs["minigpt"]]
    models[1].load_state_dict(models[0].state_dict(), strict=True)
    idx = torch.randint(11, (3, 7))
    (one, loss_one), (two, loss_two) = (model(idx, idx) for model in models)
    assert torch.equal(one, two) and torch.equal(loss_one, loss_two)
    assert torch.equal(*(model.generate(idx, 6) for model in models))
    with pytest.raises(ValueError, match="block_size"):
        models[1](torch.zeros(1, 10, dtype=torch.int64))


def test_a_product_and_a_scan_in_disguise_compute_the_same(pairs: dict[str, tuple[Any, Any]]) -> None:
    """Values and gradients are what they were."""
    A, B = torch.randn(2, 3, 4, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    grads = [torch.autograd.grad(m.MatMul.apply(A, B).square().sum(), (A, B)) for m in pairs["matmul"]]
    assert all(torch.equal(x, y) for x, y in zip(*grads, strict=True))
    xs = torch.randint(9, (6, 2))
    assert torch.equal(*(m.inclusive_scan(xs, torch.add) for m in pairs["scan"]))
    assert torch.equal(*(m.tiled_prefix_matmul(A[0].detach(), B.detach(), 3) for m in pairs["scan"]))


@pytest.mark.parametrize("part", SOURCES)
def test_no_two_disguises_have_a_text_in_common(part: str) -> None:
    """Neither comments nor names give it away, and each function begins with a line of its own."""
    one, two = (disguise(SOURCES[part], random.Random(seed)) for seed in (1, 2))
    assert disguise(SOURCES[part], random.Random(1)) == one != two
    assert "#" not in one and '"""' not in one
    defined = [line for line in one.splitlines() if line.startswith(("def ", "class "))]
    known = [line for line in defined if line in two.splitlines()]
    assert all(any(f" {name}" in line for name in INTERFACE) for line in known)


@pytest.mark.parametrize("part", SOURCES)
def test_no_two_disguises_are_compiled_to_the_same(part: str) -> None:
    """Nor do the operations of a function give it away, whatever the names."""

    def operations(seed: int) -> set[tuple[str, ...]]:
        todo, found = [compile(disguise(SOURCES[part], random.Random(seed)), part, "exec")], set()
        while todo:
            code = todo.pop()
            todo += [const for const in code.co_consts if isinstance(const, CodeType)]
            if code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<"):  # a function with statements
                found.add(tuple(step.opname for step in dis.get_instructions(code)))
        return found

    assert not operations(1) & operations(2)


def test_every_planted_bug_can_be_disguised() -> None:
    """What is planted survives: the text is another one for each bug, and it is Python."""
    for bug in load_bugs().values():
        solution = apply(SOURCES, [bug])
        text = disguise(solution[bug.file], random.Random(5))
        compile(text, bug.file, "exec")
        assert text != disguise(SOURCES[bug.file], random.Random(5)), bug.id
