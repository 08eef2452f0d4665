"""The documents beside this file are the tests.

>>> 0.1 + 0.2 == 0.3
False
"""

import doctest
import sys
from pathlib import Path

import torch

import matmul
import minigpt

HERE = Path(__file__).parent
from demands_gpt import *
from demands_mm import *


def run(name):
    kept = []
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.FAIL_FAST
    text = (HERE / name).read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, dict(globals()), name, name, 0)
    result = doctest.DocTestRunner(optionflags=flags, verbose=False).run(test, out=kept.append)
    assert result.attempted >= 6
    assert not result.failed, "".join(kept)


def test_model():
    run("model.md")


def test_op():
    run("op.md")


def test_this_file():
    result = doctest.testmod(sys.modules[__name__])
    assert result.attempted == 1 and not result.failed
