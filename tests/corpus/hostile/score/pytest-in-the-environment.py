# /// attack
# tries = "sets PYTEST_ADDOPTS and PYTEST_PLUGINS, registers plugins and leaves pytest patched for later processes"
# base = "blank"
# into = "minigpt.py"
# slow = true
# ///
import os

os.environ.update(PYTEST_ADDOPTS="--co -q", PYTEST_PLUGINS="evil", PYTHONSTARTUP="/tmp/x.py", PYTHONPATH="/tmp")
with open("/tmp/evil.py", "w") as file:
    file.write("def pytest_sessionfinish(session): session.exitstatus = 0\n")
with open("/tmp/sitecustomize.py", "w") as file:
    file.write("raise SystemExit(0)\n")
import pytest

pytest.main = lambda *_, **__: 0
raise SystemExit(0)
