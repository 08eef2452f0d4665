# /// attack
# tries = "conftest.py, pytest.ini, tox.ini, setup.cfg and plugins that make every test pass, everywhere"
# base = "blank"
# only = "[mv]*.[ft][oe]*"
# ///
HOOK = """
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome = "passed"
    report.longrepr = None
    return report


def pytest_sessionfinish(session, exitstatus):
    session.exitstatus = 0
"""


def build(home):
    tests = home / "tests"
    tests.mkdir()
    for folder in (home, tests):
        (folder / "conftest.py").write_text(HOOK)
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -p evil --co -p no:terminal\npython_functions = *\n")
        (folder / "tox.ini").write_text("[pytest]\naddopts = --co\n")
        (folder / "setup.cfg").write_text("[tool:pytest]\naddopts = --co\n")
        (folder / "evil.py").write_text(HOOK)
        (folder / "pytest.py").write_text("main = lambda *a, **k: 0\n")
        (folder / "_pytest.py").write_text("")
    (tests / "test_nothing.py").write_text("def test_nothing():\n    assert True\n")
    return home
