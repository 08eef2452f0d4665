"""No test is written as a def with its name."""

import functools
import itertools
import sys
import types
import unittest

import matmul
import minigpt
from _lib import g, m

# functions by exec
for _n, (_check, _case) in enumerate(itertools.product(g.CHECKS[:6], g.CASES)):
    exec(f"def test_exec_{_n}(): CALLS[{_n}]()", globals())
CALLS = [functools.partial(check, minigpt, case) for check, case in itertools.product(g.CHECKS[:6], g.CASES)]

# lambdas
test_bounds = lambda: [g.check_bounds(minigpt, case) for case in g.CASES] and None  # noqa: E731

# a class by type(), with methods from a closure
def _method(check):
    return lambda self: [check(minigpt, case) for case in g.CASES] and None


TestMade = type("TestMade", (), {"test_" + c.__name__: _method(c) for c in g.CHECKS[6:]})


# a metaclass that makes methods of a TestCase
class Maker(type):
    def __new__(mcs, name, bases, names):
        for check in m.CHECKS:
            names["test_" + check.__name__] = lambda self, check=check: check(matmul)
        return super().__new__(mcs, name, bases, names)


class OpCase(unittest.TestCase, metaclass=Maker):
    pass


# a callable object, and a copied function
class _Case:
    def __init__(self, check):
        self.check = check

    def __call__(self):
        self.check(matmul)


test_copied = types.FunctionType((lambda: g.check_loss(minigpt, g.CASES[1])).__code__, globals(), "copied")


def _decorate(times):
    def outer(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            for _ in range(times):
                function(*args, **kwargs)

        return inner

    return outer


@_decorate(2)
def test_twice(request):
    assert request.node.name == "test_twice"
    m.check_forward(matmul)


setattr(sys.modules[__name__], "test_set_late", functools.partial(lambda check: check(), _Case(m.check_one_sided)))
