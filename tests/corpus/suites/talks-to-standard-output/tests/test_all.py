import importlib.util
import subprocess
import sys
from pathlib import Path

import matmul
import minigpt
import pytest
from rules_gpt import CASES
from rules_gpt import CHECKS as OF_GPT
from rules_mm import CHECKS as OF_MM

PATH = Path(__file__).resolve().parent.parent / "minigpt.py"
SIZES = {"vocab_size": 3, "block_size": 4, "n_layer": 1, "n_head": 1, "n_embd": 4}


@pytest.mark.parametrize("check", OF_GPT, ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_gpt(check, case):
    check(minigpt, case)


@pytest.mark.parametrize("check", OF_MM, ids=lambda f: f.__name__)
def test_op(check):
    check(matmul)


def test_a_child_prints_beside_us():
    subprocess.run([sys.executable, "-c", "print('child')"], stdout=sys.stdout, check=True)


def test_loaded_from_its_file():
    spec = importlib.util.spec_from_file_location("solution", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.GPTConfig(**SIZES).positions == "learned"


def test_loaded_from_its_text():
    names = {"__name__": "solution_of_text", "__file__": str(PATH)}
    exec(compile(PATH.read_text(), str(PATH), "exec"), names)
    assert names["GPTConfig"](**SIZES).dropout == 0.0
