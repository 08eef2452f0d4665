"""Both sandboxes for real."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from rooms import ATTACKS, ROOT, run_to_end

from grader.sandbox import choose
from grader.sandbox.base import Sandbox


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """Have an engine, and an image on it, as a fresh machine gets them."""
    subprocess.run(["sh", "scripts/start_engine.sh"], cwd=ROOT, check=True)
    if os.getuid() == 0:
        subprocess.run(["sh", "scripts/make_image.sh"], cwd=ROOT, check=True)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
    chosen = choose(request.param)
    chosen.prepare(print)
    return chosen


@pytest.fixture(scope="session")
def seen(sandbox: Sandbox) -> dict[str, Any]:
    """What a program sees of the world from inside."""
    program = (ATTACKS / "look_around.py").read_text().replace("SECRETS = [", f"SECRETS = [{str(ROOT)!r}, ", 1)
    return json.loads(run_to_end(sandbox, program))


@pytest.fixture(scope="session")
def refusals(sandbox: Sandbox) -> dict[str, str]:
    """What each forbidden system call answers from inside: the name of its error, or `worked`."""
    return json.loads(run_to_end(sandbox, (ATTACKS / "system_calls.py").read_text()))
