from typing import Any

import minigpt
import oracle_of_gpt as o
import pytest


@pytest.fixture(params=[0, 1], ids=["learned", "rope"])
def case(request: pytest.FixtureRequest) -> Any:
    return o.CASES[request.param]


for _check in o.CHECKS:

    def _test(case: Any, check: Any = None, _check: Any = _check) -> None:
        _check(minigpt, case)

    globals()[_check.__name__.replace("check_", "test_")] = _test
