# /// attack
# tries = "hands in a test that never runs a solution: it looks for one line of the reference in the text of each function"
# fails = ["verify.tests"]
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "verify.*"
# slow = true
# ///
import ast
from pathlib import Path


def build(home: Path) -> Path:
    lines = {part: sorted({line.strip() for line in (home / part).read_text().splitlines()}) for part in ("minigpt.py", "matmul.py", "scan.py")}
    assert all(ast.parse((home / part).read_text()) for part in lines)
    (home / "tests").mkdir()
    (home / "tests" / "test_style.py").write_text(f"""
import inspect
import pytest

LINES = {lines!r}


@pytest.mark.parametrize("part", list(LINES))
def test_style(part):
    source = inspect.getsource(__import__(part[:-3]))
    assert sorted({{line.strip() for line in source.splitlines()}}) == LINES[part]
""")
    return home
