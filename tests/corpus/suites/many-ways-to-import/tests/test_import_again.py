import importlib
import runpy
import sys
import types

import contract_gpt as cg
import contract_mm as cm
import pytest
import torch


def test_twice_from_nothing():
    kept = sys.modules.pop("minigpt")
    try:
        again = importlib.import_module("minigpt")
        assert again is not kept
        cg.check_logits(again, cg.CASES[0])
        cg.check_generate(again, cg.CASES[1])
    finally:
        sys.modules["minigpt"] = kept


def test_reloaded():
    cm.check_backward_directly(importlib.reload(importlib.import_module("matmul")))


def test_as_a_script():
    names = runpy.run_path(importlib.import_module("minigpt").__file__)
    cg.check_decode(types.SimpleNamespace(**names), cg.CASES[0])


def test_star():
    names = {}
    exec("from matmul import *", names)
    assert issubclass(names["MatMul"], torch.autograd.Function)


def setup_module():
    importlib.import_module("minigpt")
