# /// attack
# slow = true
# tries = "names its tests, folders and messages so that a page, a log, a spreadsheet or a terminal would act on them, and fails on the reference"
# fails = ["verify.tests"]
# only = "verify.*"
# ///
from pathlib import Path


def build(home: Path) -> Path:
    folder = home / "tests" / "`|<svg onload=alert(1)>"
    folder.mkdir(parents=True)
    ids = ["</script><script>alert(1)</script>", "=HYPERLINK(\"http://x\")", "::error::owned", "##[error]owned", "##vso[task.complete result=Succeeded]",
        "\x1b]8;;http://x\x07y\x1b[31m", "\u202egnp.exe", "![x](http://x/y.png)", "[a](javascript:alert(1))", "| a | b |\n|--|--|", "&lt;b&gt;", "a\u0301" * 60, "\U000e0001\U000e0041", "x" * 5000]
    (home / "tests" / "test_ids.py").write_text(f"import pytest\n\n@pytest.mark.parametrize('x', {ids!r}, ids={ids!r})\ndef test_x(x):\n    assert not x, x\n")
    (home / "tests" / "conftest.py").write_text("""
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session, config, items):
    config.option.maxfail = 0
    session.shouldfail = False

def pytest_runtest_logreport(report):
    import sys
    report.nodeid = report.nodeid.encode().decode("unicode_escape", "replace")
""")
    (folder / "test_y.py").write_text("def test_y():\n    assert False, '<b>' * 10000\n")
    return home
