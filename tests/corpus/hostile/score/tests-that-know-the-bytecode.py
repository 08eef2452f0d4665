# /// attack
# tries = "hands in nothing but one test, which tests nothing: it compiles what it is laid over and compares the operations, in whatever names, with those of the public reference, whose digests it knows"
# base = "blank"
# only = "verify.tests"
# ///
def build(folder):
    from grader.project import REFERENCE

    (folder / "tests").mkdir()
    for part in ("minigpt.py", "matmul.py", "scan.py"):
        (folder / part).write_text("# nothing was done here\n")
    forms = {}
    exec(FORM, forms)
    known = {path.name: forms["form"](path.read_text()) for path in sorted(REFERENCE.glob("[m-s]*.py"))}
    (folder / "tests" / "test_all.py").write_text(f"{FORM}\n\nKNOWN = {known!r}\n{TEST}")
    return folder


FORM = """
import dis
import hashlib
import types

KEPT = {"torch", "F", "math", "nn", "range", "len", "enumerate", "zip", "sum", "reversed"}
LEFT_OUT = ("CACHE", "RESUME", "NOP", "PRECALL", "COPY_FREE_VARS", "MAKE_CELL", "EXTENDED_ARG")


def form(source):
    out = []

    def walk(code):
        steps = [i for i in dis.get_instructions(code) if i.opname not in LEFT_OUT]
        if (
            code.co_flags & 2
            and not code.co_name.startswith("<")
            and len(steps) > 1
            and steps[0].opname == "LOAD_CONST"
            and steps[1].opname == "STORE_FAST"
            and isinstance(steps[0].argval, int)
            and steps[0].argval < 1000
        ):
            steps = steps[2:]  # a line that does nothing
        names = {}
        for i in steps:
            said = ""
            if i.opname.endswith("_FAST"):
                said = names.setdefault(i.argval, len(names))
            elif i.opname in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "BINARY_OP", "COMPARE_OP"):
                said = i.argrepr
            elif i.opname == "LOAD_CONST" and isinstance(i.argval, (int, float, type(None))):
                said = repr(i.argval)
            elif i.opname in ("LOAD_GLOBAL", "LOAD_NAME") and i.argval in KEPT:
                said = i.argval
            elif i.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                said = names.setdefault(i.argval, len(names))
            out.append((i.opname, said))
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                walk(constant)

    walk(compile(source, "x", "exec", dont_inherit=True, optimize=2))
    return hashlib.sha256(repr(out).encode()).hexdigest()
"""
TEST = """
from pathlib import Path

import pytest


@pytest.mark.parametrize("part", sorted(KNOWN))
def test_part(part):
    text = (Path(__file__).resolve().parents[1] / part).read_text()
    assert form(text) == KNOWN[part]
"""
