import os

import pytest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PATH", raising=False)
    monkeypatch.setenv("COLUMNS", "7")
    yield
    os.chdir(tmp_path)
