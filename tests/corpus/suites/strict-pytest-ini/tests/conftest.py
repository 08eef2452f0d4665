import sys
from pathlib import Path

LIB = str(Path(__file__).parent / "lib")
if LIB not in sys.path:  # pytest.ini says so too
    sys.path.append(LIB)


def pytest_configure(config):
    config.addinivalue_line("markers", "gpt: part A")
    config.addinivalue_line("markers", "op: part B")
