import pytest

pytest.skip("no time left for the scan", allow_module_level=True)

raise RuntimeError("not reached")
