"""Another text for a solution that does the same, so that a candidate's test cannot look a solution up by its text, nor
by what it is compiled to."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable

# What a test may use of a solution (contract, section 1); every other name of a module is its own affair.
INTERFACE = {"GPTConfig", "MiniGPT", "MatMul", "inclusive_scan", "tiled_prefix_matmul"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# What does nothing, in so many different operations.
IDLE = (
    "{name} = {number}",
    "{name} = [{number}, {other}]",
    "{name} = {number} < {other}",
    "{name} = lambda: {number}",
    "{name} = -abs({number})",
    "for {name} in (): pass",
    "if {number} == {other}: {name} = None",
)


def disguise(source: str, rng: random.Random) -> str:
    """Rename what no test may use, and every local; leave out comments and docstrings; put in lines that do nothing,
    and name what is returned.

    Annotations are not put off: a dataclass would look for its module then, which a test that loads a file by itself
    need not have put where it looks.
    """
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    for function in _outermost(tree):
        own = _stored(function) - _parameters(function)
        _rename(function, {name: _name(rng) for name in sorted(own)})
    _rename(tree, {name: _name(rng) for name in sorted(_defined(tree) - INTERFACE)})
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Module)):
            _strip(node)
    for function in _outermost(tree):
        for node in list(ast.walk(function)):
            if isinstance(node, ast.stmt) and not isinstance(node, ast.ClassDef):
                _pad(node, rng)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _name(rng: random.Random) -> str:
    return f"{rng.choice('abcdefghkmnpqrstuvwxyz')}{rng.randrange(1 << 30):x}"


def _pad(node: ast.stmt, rng: random.Random) -> None:
    """Put lines that do nothing between the statements of a block, and before the first."""
    for block in ("body", "orelse", "finalbody"):
        statements: list[ast.stmt] = getattr(node, block, [])
        padded: list[ast.stmt] = []
        for statement in statements:
            while not padded or rng.random() < 0.4:
                padded += _idle(rng)
            if isinstance(statement, ast.Return) and statement.value is not None and rng.random() < 0.5:
                name = _name(rng)
                padded.append(ast.Assign([ast.Name(name, ast.Store())], statement.value))
                statement = ast.Return(ast.Name(name, ast.Load()))
            padded.append(statement)
        statements[:] = padded


def _idle(rng: random.Random) -> list[ast.stmt]:
    line = rng.choice(IDLE).format(name=_name(rng), number=rng.randrange(1000), other=rng.randrange(1000))
    return ast.parse(line).body


def _outermost(tree: ast.AST) -> Iterable[ast.AST]:
    """Give the functions that lie in no other: what is local to those inside them is renamed with theirs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FUNCTIONS):
            yield node
        else:
            yield from _outermost(node)


def _stored(function: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _parameters(function: ast.AST) -> set[str]:
    return {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


def _defined(tree: ast.Module) -> set[str]:
    """Give the names that a module defines, imports left out."""
    named = {node.name for node in tree.body if isinstance(node, (*FUNCTIONS, ast.ClassDef))}
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return named | {name for node in assigned for name in _stored(node)}


def _rename(tree: ast.AST, names: dict[str, str]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)) and tree is not node and _is_top(tree, node):
            node.name = names.get(node.name, node.name)


def _is_top(tree: ast.AST, node: ast.AST) -> bool:
    return isinstance(tree, ast.Module) and node in tree.body


def _strip(node: ast.AST) -> None:
    """Leave out a docstring."""
    body: list[ast.stmt] = getattr(node, "body", [])
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body[:1] = [] if len(body) > 1 else [ast.Pass()]
