"""The wall: `choose` gives a way to build sandboxes on this machine."""

from __future__ import annotations

from grader.errors import HarnessError, UsageError
from grader.sandbox.base import Sandbox

NAMES = ("auto", "docker", "bubblewrap")


def choose(name: str) -> Sandbox:
    """Give the named sandbox; `auto` is docker where an engine answers, else bubblewrap.

    Raises UsageError where what was named is unknown or not installed, and HarnessError where it does not answer.
    """
    if name == "bubblewrap":
        from grader.sandbox.bubblewrap import BubblewrapSandbox

        return BubblewrapSandbox()
    if name == "docker":
        from grader.sandbox.docker import DockerSandbox

        return DockerSandbox()
    if name != "auto":
        raise UsageError(f"there is no sandbox {name!r}; choose one of {', '.join(NAMES)}")
    try:
        return choose("docker")
    except (UsageError, HarnessError) as no_docker:
        try:
            return choose("bubblewrap")
        except (UsageError, HarnessError) as no_bubblewrap:
            raise HarnessError(f"no sandbox works here. docker: {no_docker}. bubblewrap: {no_bubblewrap}") from None
